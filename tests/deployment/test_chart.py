"""The chart renders to valid objects in both modes, refuses misspelt values, and is safe without being asked to."""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.chassis.settings import Settings
from tests.support.deployment_tools import ROOT, run

pytestmark = pytest.mark.chart

CHART = ROOT / "helm" / "tovholder"
EXAMPLE = CHART / "ci" / "example-values.yaml"
SECRET = re.compile(r"PASSWORD|TOKEN|CREDENTIAL|PRIVATE|SECRET(?!S_FOLDER)|_KEY$")

# What a value that is a number to `--set` is meant as: text.
LETTERS = ("letters.enabled=true", 'letters.senders.0101={"name": "Havby Kommune", "cvr": "12345674"}')

Manifest = dict[str, Any]


def render(*settings: str) -> str:
    flags = [flag for setting in settings for flag in (_how(setting), setting)]
    rendered = run("helm", "template", "release", CHART, "--namespace", "tovholder", "--values", EXAMPLE, *flags)
    assert rendered.returncode == 0, rendered.stderr
    return rendered.stdout


def _how(setting: str) -> str:
    return "--set-json" if "={" in setting else "--set"


def manifests(*settings: str, kind: str | None = None) -> list[Manifest]:
    documents = [document for document in yaml.safe_load_all(render(*settings)) if document]
    return [document for document in documents if kind in (None, document["kind"])]


def refusal_of(*settings: str) -> str:
    flags = [flag for setting in settings for flag in ("--set", setting)]
    refused = run("helm", "template", "release", CHART, "--values", EXAMPLE, *flags)
    assert refused.returncode != 0, "these values should have been refused"
    return refused.stderr


def pod_specs(documents: list[Manifest]) -> Iterator[tuple[str, Manifest]]:
    for document in documents:
        name = f"{document['kind']}/{document['metadata']['name']}"
        if document["kind"] == "Pod":
            yield name, document["spec"]
        elif document["kind"] in ("Deployment", "Job"):
            yield name, document["spec"]["template"]["spec"]
        elif document["kind"] == "CronJob":
            yield name, document["spec"]["jobTemplate"]["spec"]["template"]["spec"]


def containers(spec: Manifest) -> list[Manifest]:
    return [*spec.get("initContainers", []), *spec["containers"]]


def environment(documents: list[Manifest]) -> Iterator[tuple[str, str]]:
    for document in documents:
        if document["kind"] == "ConfigMap":
            yield from document["data"].items()
    for _, spec in pod_specs(documents):
        for container in containers(spec):
            for variable in container.get("env", []):
                assert "valueFrom" not in variable, "secrets are files, never variables"
                yield variable["name"], variable["value"]


def test_the_chart_passes_helm_s_own_check_without_a_warning() -> None:
    checked = run("helm", "lint", "--strict", CHART, "--values", EXAMPLE)

    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize(
    "settings",
    [
        ("mode=split",),
        ("mode=all",),
        (
            "defaults.replicas=1",
            "networkPolicy.enabled=false",
            "serviceAccount.create=false",
            "migration.enabled=false",
            "audit.enabled=false",
        ),
        ("ingress.enabled=false", "config.gatewayUrl=https://tovholder.example.test", "config.kafka.security=PLAINTEXT"),
        LETTERS,
        ("image.digest=sha256:" + "0" * 64, "image.pullSecrets[0]=pull", "services.registry.replicas=5"),
    ],
    ids=" ".join,
)
def test_every_object_is_valid_by_kubernetes_own_schemas(settings: tuple[str, ...], tmp_path: Path) -> None:
    rendered = tmp_path / "rendered.yaml"
    rendered.write_text(render(*settings))

    checked = run("kubernetes-validate", "--strict", rendered)

    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "passed for resource" in checked.stdout + checked.stderr


def test_the_services_of_the_chart_are_the_services_of_the_project(chart_values: Manifest, service_names: set[str]) -> None:
    assert set(chart_values["services"]) == service_names


def test_the_chart_carries_the_project_s_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"] == project["version"]


@pytest.mark.parametrize(
    "typo",
    [
        "replcas=2",
        "defaults.replcas=2",
        "services.registry.replcas=2",
        "config.databse.host=x",
        "config.kafka.bootstraps=x:1",
        "ingress.hots=x",
        "networkPolicy.egress.databases.ports[0]=1",
        "migration.existingSecrets=x",
        "audit.shedule=x",
        "defaults.sealing.key=x",
        "image.tags=x",
        "serviceAccount.nam=x",
        "podDisruptionBudget.enable=true",
        "letters.claims.size=1Gi",
        "letters.claim.storageClas=x",
    ],
)
def test_a_misspelt_value_is_refused(typo: str) -> None:
    assert "additional properties" in refusal_of(typo)


@pytest.mark.parametrize(
    "wrong",
    [
        "mode=both",
        "defaults.replicas=0",
        "services.registry.replicas=two",
        "config.issuer=http://unprotected.example.test",
        "config.database.host=",
        "config.partitions=0",
        "config.extra.TOVHOLDER_DATABASE_PASSWORD=x",
        "config.extra.LOG_LEVEL=debug",
        "defaults.sealing.keys[0]=0101",
        "image.digest=latest",
        "ingress.host=",
        "config.smtp.sender=",
        "audit.schedule=nightly",
        "letters.enabled=true",
        "letters.claim.size=much",
        "letters.senders.0101.name=Havby",
        "letters.claim.accessModes[0]=ReadOnlyMany",
        "audit.deadlineSeconds=0",
    ],
)
def test_a_value_that_cannot_be_meant_is_refused(wrong: str) -> None:
    assert "values don't meet the specifications of the schema" in refusal_of(wrong)


def test_each_service_runs_alone_in_split_mode_and_all_run_together_in_the_other(service_names: set[str]) -> None:
    def programs(mode: str) -> list[list[str]]:
        found = manifests(f"mode={mode}", kind="Deployment")
        return [
            [*one["spec"]["command"], *one["spec"]["args"]]
            for one in ({"spec": c} for _, s in pod_specs(found) for c in containers(s))
        ]

    together = [part for name in sorted(service_names) for part in ("--service", name)]

    assert sorted(programs("split")) == [["tovholder", "run", "--service", name] for name in sorted(service_names)]
    assert programs("all") == [["tovholder", "run", *together]]


@pytest.mark.parametrize("mode", ["split", "all"])
def test_every_path_leads_to_a_port_that_a_deployment_serves(mode: str, service_names: set[str]) -> None:
    documents = manifests(f"mode={mode}")
    ports = {one["metadata"]["name"]: one["spec"]["selector"] for one in documents if one["kind"] == "Service"}
    labels = [one["spec"]["template"]["metadata"]["labels"] for one in documents if one["kind"] == "Deployment"]
    [ingress] = [one for one in documents if one["kind"] == "Ingress"]

    paths = {path["path"]: path["backend"]["service"]["name"] for path in ingress["spec"]["rules"][0]["http"]["paths"]}

    assert set(paths) == {f"/{name}" for name in service_names} | {"/fhir", "/openapi.json", "/", "/familie"}
    assert paths["/fhir"] == paths["/midwife"]
    assert paths["/"] == paths["/familie"] == paths["/portal"]
    for service in paths.values():
        assert any(ports[service].items() <= label.items() for label in labels)


@pytest.mark.parametrize("mode", ["split", "all"])
def test_every_container_is_without_rights_on_a_read_only_file_system(mode: str) -> None:
    for name, spec in pod_specs(manifests(f"mode={mode}")):
        pod = spec["securityContext"]
        assert pod["runAsNonRoot"] is True, name
        assert pod["runAsUser"] == 10001, name
        assert pod["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert spec["automountServiceAccountToken"] is False, name
        for container in containers(spec):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, name
            assert "memory" in container["resources"]["limits"], name


@pytest.mark.parametrize("mode", ["split", "all"])
def test_every_service_is_asked_whether_it_lives_and_whether_it_is_ready(mode: str) -> None:
    for name, spec in pod_specs(manifests(f"mode={mode}", kind="Deployment")):
        [container] = spec["containers"]
        named = {port["name"]: port["containerPort"] for port in container["ports"]}

        assert (
            container["startupProbe"]["httpGet"] == container["livenessProbe"]["httpGet"] == {"path": "/livez", "port": "http"}
        ), name
        assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "http"}, name
        assert named == {"http": 8080}, name


@pytest.mark.parametrize("mode", ["split", "all"])
def test_secrets_are_files_of_an_existing_secret_and_never_variables(mode: str) -> None:
    documents = manifests(f"mode={mode}", "defaults.existingSecret=of-the-operator")

    assert [one for one in documents if one["kind"] == "Secret"] == []
    assert [name for name, _ in environment(documents) if SECRET.search(name)] == []
    for name, spec in pod_specs([one for one in documents if one["kind"] == "Deployment"]):
        [secrets] = [volume["projected"] for volume in spec["volumes"] if volume["name"] == "secrets"]
        [mount] = [mount for mount in spec["containers"][0]["volumeMounts"] if mount["name"] == "secrets"]
        assert secrets["sources"][0] == {"secret": {"name": "of-the-operator"}}, name
        assert secrets["defaultMode"] == 0o440, name
        assert mount["readOnly"] is True, name


def test_sealing_keys_become_files_that_a_service_looks_for() -> None:
    [(_, spec)] = pod_specs(manifests("mode=all", kind="Deployment"))

    [secrets] = [volume["projected"] for volume in spec["volumes"] if volume["name"] == "secrets"]

    assert [one["path"] for one in secrets["sources"][1]["secret"]["items"]] == ["sealing/0101.1", "sealing/0101.2"]


def test_a_service_may_have_a_secret_of_its_own_and_the_migration_has_another() -> None:
    documents = manifests("services.registry.existingSecret=only-registry")
    first = {
        name: next(volume for volume in spec["volumes"] if volume["name"] == "secrets")["projected"]["sources"][0]["secret"][
            "name"
        ]
        for name, spec in pod_specs(documents)
        if "volumes" in spec
    }

    assert first["Deployment/release-tovholder-registry"] == "only-registry"
    assert first["Deployment/release-tovholder-midwife"] == "tovholder"
    assert first["Job/release-tovholder-migrate"] == "tovholder-migration"
    assert first["CronJob/release-tovholder-audit"] == "tovholder-audit"


@pytest.mark.parametrize("mode", ["split", "all"])
def test_every_setting_the_chart_gives_is_one_that_the_program_knows(mode: str) -> None:
    given = dict(environment(manifests(f"mode={mode}")))
    known = {f"TOVHOLDER_{field.upper()}" for field in Settings.model_fields}

    assert set(given) <= known


def test_services_reach_one_another_directly_in_the_cluster(service_names: set[str]) -> None:
    for mode in ("split", "all"):
        documents = manifests(f"mode={mode}")
        services = {one["metadata"]["name"] for one in documents if one["kind"] == "Service"}
        addresses = yaml.safe_load(dict(environment(documents))["TOVHOLDER_SERVICE_URLS"])

        assert set(addresses) == service_names
        assert {address.removeprefix("http://").removesuffix(":8080") for address in addresses.values()} <= services


def test_a_changed_setting_makes_new_pods_and_an_unchanged_one_does_not() -> None:
    def checksum(*settings: str) -> set[str]:
        found = manifests(*settings, kind="Deployment")
        return {one["spec"]["template"]["metadata"]["annotations"]["checksum/config"] for one in found}

    assert checksum() == checksum("services.registry.replicas=3")
    assert checksum().isdisjoint(checksum("config.extra.TOVHOLDER_LOG_LEVEL=debug"))


def test_more_than_one_replica_brings_a_disruption_budget_and_one_does_not(service_names: set[str]) -> None:
    guarded = manifests("services.daycare.replicas=1", kind="PodDisruptionBudget")

    assert {one["metadata"]["name"] for one in guarded} == {f"release-tovholder-{name}" for name in service_names - {"daycare"}}
    assert manifests("defaults.replicas=1", kind="PodDisruptionBudget") == []


@pytest.mark.parametrize("mode", ["split", "all"])
def test_every_pod_of_the_product_is_behind_a_network_policy_that_names_ports(mode: str) -> None:
    documents = manifests(f"mode={mode}")
    policies = [one["spec"] for one in documents if one["kind"] == "NetworkPolicy"]
    pods = [one["spec"]["template"]["metadata"]["labels"] for one in documents if one["kind"] in ("Deployment", "Job")]
    pods += [
        one["spec"]["jobTemplate"]["spec"]["template"]["metadata"]["labels"] for one in documents if one["kind"] == "CronJob"
    ]

    for labels in pods:
        assert [one for one in policies if one["podSelector"]["matchLabels"].items() <= labels.items()]
    for policy in policies:
        assert policy["policyTypes"] == ["Ingress", "Egress"]
        assert all(rule["ports"] for rule in [*policy.get("ingress", []), *policy["egress"]])
        assert all(rule["from"] for rule in policy.get("ingress", []))


def test_only_notifications_may_send_mail() -> None:
    senders = [
        one["metadata"]["name"]
        for one in manifests("config.smtp.port=2525", "networkPolicy.egress.smtp.ports[0]=2525", kind="NetworkPolicy")
        if any(port["port"] == 2525 for rule in one["spec"]["egress"] for port in rule["ports"])
    ]

    assert senders == ["release-tovholder-notifications"]


@pytest.mark.parametrize("mode", ["split", "all"])
def test_letters_have_a_volume_where_they_are_written_and_nowhere_else(mode: str) -> None:
    def mounted(*settings: str) -> dict[str, tuple[str, str]]:
        """Where a pod has the volume: its claim, and the place in the container."""
        return {
            name: (volume["persistentVolumeClaim"]["claimName"], mount["mountPath"])
            for name, spec in pod_specs(manifests(f"mode={mode}", *settings))
            for volume in spec.get("volumes", [])
            if "persistentVolumeClaim" in volume
            for mount in spec["containers"][0]["volumeMounts"]
            if mount["name"] == volume["name"]
        }

    documents = manifests(f"mode={mode}", *LETTERS)
    [claim] = [one for one in documents if one["kind"] == "PersistentVolumeClaim"]
    given = dict(environment(documents))
    of_their_own = (*LETTERS, "letters.existingClaim=print")
    carrier = f"Deployment/release-tovholder-{'all' if mode == 'all' else 'notifications'}"

    assert mounted(*LETTERS) == {carrier: (claim["metadata"]["name"], given["TOVHOLDER_LETTERS_FOLDER"])}
    assert json.loads(given["TOVHOLDER_LETTER_SENDERS"]) == {"0101": {"name": "Havby Kommune", "cvr": "12345674"}}
    assert set(given) <= {f"TOVHOLDER_{field.upper()}" for field in Settings.model_fields}
    assert claim["spec"] == {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "5Gi"}}}
    assert claim["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    assert mounted(*of_their_own)[carrier][0] == "print"
    assert manifests(f"mode={mode}", *of_their_own, kind="PersistentVolumeClaim") == []
    # Off, as it is without being asked for, there is neither volume nor setting.
    assert (mounted(), manifests(f"mode={mode}", kind="PersistentVolumeClaim")) == ({}, [])
    assert not {name for name, _ in environment(manifests(f"mode={mode}")) if "LETTER" in name}


def test_letters_are_not_switched_on_past_their_volume() -> None:
    assert "say it under `letters`" in refusal_of("config.extra.TOVHOLDER_LETTERS_FOLDER=/tmp/letters")


def test_the_database_is_migrated_before_an_install_and_before_an_upgrade() -> None:
    [job] = manifests(kind="Job")
    [migrate, topics] = containers(job["spec"]["template"]["spec"])

    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    assert [migrate["command"] + migrate["args"], topics["command"] + topics["args"]] == [
        ["tovholder", "migrate"],
        ["tovholder", "topics"],
    ]
    assert "envFrom" not in migrate, "the ConfigMap does not exist before the first install"


def test_the_audit_runs_each_night_once_at_a_time_as_a_reader_of_its_own() -> None:
    [job] = manifests("config.kafka.security=SASL_SSL", kind="CronJob")
    [(_, spec)] = pod_specs([job])
    [container] = spec["containers"]

    assert (job["spec"]["schedule"], job["spec"]["timeZone"]) == ("15 3 * * *", "Europe/Copenhagen")
    assert job["spec"]["concurrencyPolicy"] == "Forbid"
    assert container["command"] + container["args"] == ["tovholder", "audit", "--mend"]
    assert container["env"] == [{"name": "TOVHOLDER_KAFKA_USER", "value": "tovholder-audit"}]
    assert containers(next(pod_specs(manifests("audit.mend=false", kind="CronJob")))[1])[0]["args"] == ["audit"]


def test_helm_test_asks_every_deployment_whether_it_is_ready() -> None:
    for mode in ("split", "all"):
        documents = manifests(f"mode={mode}")
        [pod] = [one for one in documents if one["kind"] == "Pod"]
        services = [one["metadata"]["name"] for one in documents if one["kind"] == "Service"]

        assert pod["spec"]["containers"][0]["args"][1:] == [f"http://{name}:8080/readyz" for name in sorted(services)]
