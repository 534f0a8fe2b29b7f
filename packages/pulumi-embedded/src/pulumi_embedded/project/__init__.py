"""The project file, the stack's file, and the configuration a program gets: Pulumi's rules, our words."""

from pulumi_embedded.project.files import Project, StackConfig, load_config, load_project, read_salt

__all__ = ["Project", "StackConfig", "load_config", "load_project", "read_salt"]
