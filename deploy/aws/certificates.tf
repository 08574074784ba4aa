# Who is who. Processes believe a ClickHouse that has a certificate by this installation's own authority, and a PostgreSQL that has one
# by Amazon's for RDS, each under its own name, so that no impostor in the network gets passwords or trips.
#
# The authority's key is in Terraform's state alone, as the passwords are; machines get their own certificate and key from a secret.

resource "tls_private_key" "authority" {
  count = local.makes_clickhouse ? 1 : 0

  algorithm   = "ECDSA"
  ecdsa_curve = "P256"
}

resource "tls_self_signed_cert" "authority" {
  count = local.makes_clickhouse ? 1 : 0

  private_key_pem       = tls_private_key.authority[0].private_key_pem
  is_ca_certificate     = true
  validity_period_hours = 10 * 365 * 24
  allowed_uses          = ["cert_signing", "crl_signing"]

  subject {
    common_name = "${var.name} ClickHouse"
  }
}

# One for all machines: a shard that joins needs no new one, and each of them has all trips of queries in its hands anyway.
resource "tls_private_key" "clickhouse" {
  count = local.makes_clickhouse ? 1 : 0

  algorithm   = "ECDSA"
  ecdsa_curve = "P256"
}

resource "tls_cert_request" "clickhouse" {
  count = local.makes_clickhouse ? 1 : 0

  private_key_pem = tls_private_key.clickhouse[0].private_key_pem
  dns_names       = ["*.${local.clickhouse_domain}"]

  subject {
    common_name = local.clickhouse_host
  }
}

resource "tls_locally_signed_cert" "clickhouse" {
  count = local.makes_clickhouse ? 1 : 0

  cert_request_pem   = tls_cert_request.clickhouse[0].cert_request_pem
  ca_private_key_pem = tls_private_key.authority[0].private_key_pem
  ca_cert_pem        = tls_self_signed_cert.authority[0].cert_pem

  # Half a year before its end an apply makes another; machines fetch it within a minute (clickhouse/machine.sh.tftpl).
  validity_period_hours = 2 * 365 * 24
  early_renewal_hours   = 182 * 24
  allowed_uses          = ["digital_signature", "server_auth", "client_auth"]
}

resource "aws_secretsmanager_secret" "clickhouse_certificate" {
  count = local.makes_clickhouse ? 1 : 0

  name                    = "${var.name}/clickhouse-certificate"
  description             = "Certificate and key of the shards' machines"
  recovery_window_in_days = var.deletion_protection ? 7 : 0
}

resource "aws_secretsmanager_secret_version" "clickhouse_certificate" {
  count = local.makes_clickhouse ? 1 : 0

  secret_id     = aws_secretsmanager_secret.clickhouse_certificate[0].id
  secret_string = "${tls_private_key.clickhouse[0].private_key_pem}${tls_locally_signed_cert.clickhouse[0].cert_pem}"
}

locals {
  # Authorities, as files that the container "certificates" writes before the program starts: libpq and it read files.
  certificates_folder = "/certificates"
  certificates = merge(
    { database = file(var.database_authorities) },
    local.makes_clickhouse ? { clickhouse = one(tls_self_signed_cert.authority[*].cert_pem) } : {},
  )
}
