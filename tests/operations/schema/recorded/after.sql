--
-- PostgreSQL database dump
--

\restrict AnotherKeyOfTheSecond

-- Dumped from database version 18.6
-- Dumped by pg_dump version 18.6

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET transaction_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Name: od.d "x; Type: SCHEMA; Schema: -; Owner: -
--

CREATE SCHEMA "od.d ""x";


--
-- Name: mood; Type: TYPE; Schema: public; Owner: -
--

CREATE TYPE public.mood AS ENUM (
    'a',
    'b'
);


--
-- Name: toc(); Type: FUNCTION; Schema: public; Owner: -
--

CREATE FUNCTION public.toc() RETURNS text
    LANGUAGE plpgsql
    AS $$
begin
--
-- Name: orders; Type: TABLE; Schema: public; Owner: -
--

  return 'y';
end $$;


--
-- Name: fdw; Type: FOREIGN DATA WRAPPER; Schema: -; Owner: -
--

CREATE FOREIGN DATA WRAPPER fdw;


--
-- Name: far; Type: SERVER; Schema: -; Owner: -
--

CREATE SERVER far FOREIGN DATA WRAPPER fdw OPTIONS (
    host 'h',
    password 'other',
    url 'postgres://u:n3w@h/db'
);


--
-- Name: USER MAPPING public SERVER far; Type: USER MAPPING; Schema: -; Owner: -
--

CREATE USER MAPPING FOR public SERVER far OPTIONS (
    password 'hunter3',
    "user" 'u'
);


SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: ta"b.le two; Type: TABLE; Schema: od.d "x; Owner: -
--

CREATE TABLE "od.d ""x"."ta""b.le
two" (
    "na,me" text,
    "ü" integer,
    "a
b" integer,
    "new, ""one" text DEFAULT 'a
\b'::text
);


--
-- Name: big; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.big (
    id integer,
    v integer
);


--
-- Name: ident; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.ident (
    id integer NOT NULL,
    x integer NOT NULL,
    y integer NOT NULL
);


--
-- Name: ident_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

ALTER TABLE public.ident ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.ident_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);


--
-- Name: ident_y_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.ident_y_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: ident_y_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.ident_y_seq OWNED BY public.ident.y;


--
-- Name: orders; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.orders (
    id bigint NOT NULL,
    customer bigint NOT NULL,
    "per cent" numeric(10,2) NOT NULL,
    status character varying(40) DEFAULT 'new'::character varying NOT NULL,
    total integer NOT NULL,
    CONSTRAINT orders_customer_check CHECK ((customer > 0))
);


--
-- Name: orders_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.orders_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


--
-- Name: orders_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.orders_id_seq OWNED BY public.orders.id;


--
-- Name: paid; Type: VIEW; Schema: public; Owner: -
--

CREATE VIEW public.paid AS
 SELECT id,
    customer,
    total
   FROM public.orders
  WHERE ((status)::text = 'paid'::text);


--
-- Name: part; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.part (
    id integer,
    at date
)
PARTITION BY RANGE (at);


--
-- Name: part_1; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.part_1 (
    id integer,
    at date
);


--
-- Name: part_1; Type: TABLE ATTACH; Schema: public; Owner: -
--

ALTER TABLE ONLY public.part ATTACH PARTITION public.part_1 FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');


--
-- Name: ident y; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.ident ALTER COLUMN y SET DEFAULT nextval('public.ident_y_seq'::regclass);


--
-- Name: orders id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.orders ALTER COLUMN id SET DEFAULT nextval('public.orders_id_seq'::regclass);


--
-- Name: orders orders_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.orders
    ADD CONSTRAINT orders_pkey PRIMARY KEY (id);


--
-- Name: big_v; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX big_v ON public.big USING btree (v);


--
-- Name: orders_customer_idx; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX orders_customer_idx ON public.orders USING btree (customer);


--
-- PostgreSQL database dump complete
--

\unrestrict AnotherKeyOfTheSecond

