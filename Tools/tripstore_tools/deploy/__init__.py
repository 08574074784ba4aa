"""Checks what deploys the program: Terraform's configuration (scripts/check-deploy) and the Dockerfile (scripts/check-dockerfile)."""
