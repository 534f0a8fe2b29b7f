"""The sandbox as a user sees it: started, looked at, stopped, and named to a stack's run."""
