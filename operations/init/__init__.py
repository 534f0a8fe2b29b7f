"""`./infra init` and `upgrade`: answers, what is fitted to them, workflows of each layout, copies of the template."""
