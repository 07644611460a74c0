"""The Kubernetes manifests as they are written: valid, of one piece, and without a secret. tests/ship renders them."""

import copy
import re
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from notificacao.metrics import OPEN_STREAMS
from notificacao.server import beside, readiness
from tests.documents import commands
from tests.live.ably_server import ROOT
from tests.ship import manifests

SECRETS = {
    "SECRET_KEY",
    "ENCRYPTION_SECRET",
    "SIGNING_KEYS",
    "DATABASE_URL",
    "REDIS_URL",
    "ABLY_API_KEY",
    "METRICS_TOKEN",
}
WRITTEN = manifests.written()


def found(objects: list, kind: str, name: str = "web") -> dict[str, Any]:
    return next(one for one in objects if (one["kind"], one["metadata"]["name"]) == (kind, name))


def container(objects: list, name: str = "web") -> dict[str, Any]:
    return found(objects, "Deployment", name)["spec"]["template"]["spec"]["containers"][0]


@pytest.mark.parametrize(
    "one",
    [one for one in WRITTEN if not manifests.is_custom(one)],
    ids=lambda one: f"{one['kind']}-{one['metadata']['name']}",
)
def test_each_object_is_valid_by_kubernetes_own_schema(one):
    assert manifests.schema_fault(one) is None


def test_a_field_that_kubernetes_does_not_know_is_found():
    spoilt = copy.deepcopy(found(WRITTEN, "Deployment"))
    spoilt["spec"]["template"]["spec"]["gracePeriod"] = 25
    assert "gracePeriod" in manifests.schema_fault(spoilt)


def test_all_that_one_object_names_in_another_is_there():
    assert manifests.faults(WRITTEN) == []


SPOILT: dict[str, tuple[Callable[[list], object], str]] = {
    "a service's selector": (
        lambda all_: found(all_, "Service")["spec"]["selector"].update({"app.kubernetes.io/component": "site"}),
        "Service web selects the pods of []",
    ),
    "a budget's selector": (
        lambda all_: found(all_, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"].update(extra="x"),
        "PodDisruptionBudget web selects the pods of []",
    ),
    "a deployment's selector": (
        lambda all_: found(all_, "Deployment")["spec"]["selector"]["matchLabels"].pop("app.kubernetes.io/component"),
        "Deployment web selects the pods of ['web', 'dispatcher', 'migrate']",
    ),
    "a policy's selector": (
        lambda all_: found(all_, "NetworkPolicy")["spec"]["podSelector"]["matchLabels"].update(extra="x"),
        "NetworkPolicy web selects no pod",
    ),
    "a monitor's selector": (
        lambda all_: found(all_, "ServiceMonitor")["spec"]["selector"]["matchLabels"].update(extra="x"),
        "ServiceMonitor web selects 0 services",
    ),
    "what pods are spread by": (
        lambda all_: found(all_, "Deployment")["spec"]["template"]["spec"]["topologySpreadConstraints"][0].update(
            labelSelector={"matchLabels": {"app": "web"}}
        ),
        "web is spread by labels",
    ),
    "a service's port": (
        lambda all_: found(all_, "Service")["spec"]["ports"][0].update(targetPort="https"),
        "Service web names the port https",
    ),
    "an ingress's port": (
        lambda all_: found(all_, "Ingress", "stream")["spec"]["rules"][0]["http"]["paths"][0]["backend"][
            "service"
        ].update(port={"name": "web"}),
        "Ingress stream names the port web",
    ),
    "a probe's port": (
        lambda all_: container(all_, "dispatcher")["readinessProbe"]["httpGet"].update(port="http"),
        "a probe of dispatcher names the port http",
    ),
    "a policy's port": (
        lambda all_: found(all_, "NetworkPolicy", "dispatcher")["spec"]["ingress"][0]["ports"][0].update(port="http"),
        "NetworkPolicy dispatcher names the port http",
    ),
    "a monitor's port": (
        lambda all_: found(all_, "ServiceMonitor")["spec"]["endpoints"][0].update(port="metrics"),
        "ServiceMonitor web names the port metrics",
    ),
    "a limit": (lambda all_: container(all_)["resources"].pop("limits"), "web has no memory in its limits"),
    "a request": (lambda all_: container(all_)["resources"]["requests"].pop("cpu"), "web has no cpu in its requests"),
    "the grace": (
        lambda all_: found(all_, "Deployment")["spec"]["template"]["spec"].update(terminationGracePeriodSeconds=20),
        "web is killed before it has ended",
    ),
    "a root that is written to": (
        lambda all_: container(all_)["securityContext"].pop("readOnlyRootFilesystem"),
        "web may write to its root file system",
    ),
    "nowhere to write": (
        lambda all_: container(all_)["volumeMounts"].pop(0),
        "web cannot write to /tmp",
    ),
    "another secret": (
        lambda all_: container(all_)["envFrom"][1]["secretRef"].update(name="other"),
        "web refers to Secret other",
    ),
    "two who say how many": (
        lambda all_: found(all_, "Deployment")["spec"].update(replicas=2),
        "web has a number of replicas",
    ),
}


@pytest.mark.parametrize("what", SPOILT)
def test_what_is_spoilt_is_found(what):
    spoil, told = SPOILT[what]
    objects = copy.deepcopy(WRITTEN)
    spoil(objects)
    assert [fault for fault in manifests.faults(objects) if told in fault]


@pytest.mark.parametrize("overlay", manifests.OVERLAYS)
def test_the_settings_are_ours_and_none_of_them_is_a_secret(overlay):
    documented = set(re.findall(r"^# ([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    told = set(manifests.settings(overlay)) - manifests.NOT_SETTINGS
    assert told <= documented
    assert not told & SECRETS


def test_secrets_come_by_reference_and_none_is_written_here():
    assert [one for one in WRITTEN if one["kind"] == "Secret"] == []
    wanted = found(WRITTEN, "ExternalSecret", "semtas-secrets")["spec"]
    assert {one["secretKey"] for one in wanted["data"]} == SECRETS


def test_a_probe_waits_for_longer_than_a_check_takes():
    """A check that the process cuts off itself says why; one that the kubelet cuts off says nothing."""
    assert container(WRITTEN)["readinessProbe"]["timeoutSeconds"] > readiness.WITHIN
    assert container(WRITTEN, "dispatcher")["readinessProbe"]["timeoutSeconds"] > readiness.WITHIN
    assert container(WRITTEN, "dispatcher")["livenessProbe"]["timeoutSeconds"] > beside._ANSWERS_WITHIN


def test_the_stream_is_not_buffered_and_its_heartbeats_come_before_the_proxys_patience_ends(settings):
    stream = found(WRITTEN, "Ingress", "stream")
    annotations = stream["metadata"]["annotations"]
    assert annotations["nginx.ingress.kubernetes.io/proxy-buffering"] == "off"
    assert int(annotations["nginx.ingress.kubernetes.io/proxy-read-timeout"]) > 2 * settings.STREAM_HEARTBEAT
    assert stream["spec"]["rules"][0]["http"]["paths"][0]["path"] == "/api/v1/stream/"


def test_prometheus_rules_are_those_of_deploy_monitoring():
    rules = sorted((ROOT / "deploy" / "monitoring" / "rules").glob("*.yml"))
    groups = [group for path in rules for group in yaml.safe_load(path.read_text())["groups"]]
    made = found(WRITTEN, "PrometheusRule", "semtas-notificacoes")
    assert made["spec"]["groups"] == groups, "run deploy/kubernetes/prometheus_rule.py"


def test_each_container_runs_a_command_that_there_is(pytestconfig):
    told = [one["command"] for made in manifests.workloads(WRITTEN) for one in made.containers]
    assert {words[2] for words in told} == {"serve", "dispatch", "migrate"}
    for program, *words in told:
        assert program == "python"
        assert commands.judge(" ".join(words), pytestconfig.getoption) == ""


def test_the_autoscaler_counts_streams_by_a_metric_of_ours_that_the_adapter_gives_it():
    scaler = found(WRITTEN, "HorizontalPodAutoscaler")["spec"]
    (name,) = {one["pods"]["metric"]["name"] for one in scaler["metrics"] if one["type"] == "Pods"}
    assert name == next(iter(OPEN_STREAMS.collect())).name
    (rule,) = yaml.safe_load((manifests.FOLDER / "prometheus-adapter.yaml").read_text())["rules"]["custom"]
    assert rule["seriesQuery"].startswith(name + "{")


@pytest.mark.parametrize("overlay", manifests.OVERLAYS)
def test_pages_find_their_static_files_in_the_image(overlay):
    """They lie in the image's own VAR_DIR, and nothing in it can make them anew: it has no package of the browser's."""
    assert "VAR_DIR" not in manifests.settings(overlay)
    assert [made.name for made in manifests.workloads(WRITTEN) if "initContainers" in made.pod] == []
