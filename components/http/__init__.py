"""What the clients of REST APIs share: one request, when it is made again, what is shown of it. Knows no API."""
