"""Files on the developer's machine that the program keeps in step: `.dev.vars`."""
