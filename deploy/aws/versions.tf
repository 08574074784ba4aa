# The reference deployment of tripstore on AWS: docs/DEPLOYMENT.md explains it, one file here has one part of it.

terraform {
  required_version = ">= 1.6"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.0, < 7.0"
    }
    random = {
      source  = "hashicorp/random"
      version = ">= 3.6, < 4.0"
    }
    tls = {
      source  = "hashicorp/tls"
      version = ">= 4.0, < 5.0"
    }
  }

  # The state has passwords and keys: keep it in an encrypted bucket that few may read, and fill this in or pass -backend-config.
  # backend "s3" {
  #   bucket       = "..."
  #   key          = "tripstore.tfstate"
  #   region       = "..."
  #   encrypt      = true
  #   use_lockfile = true
  # }
}

provider "aws" {
  region = var.region

  default_tags {
    tags = merge({ Application = var.name }, var.tags)
  }
}
