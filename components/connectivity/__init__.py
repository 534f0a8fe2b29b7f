"""The probe that tells which layer is at fault, and the check resource made of it."""
