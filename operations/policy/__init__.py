"""The rules that reviewers care for, and the Pulumi policy pack made of them."""
