"""Judge Kubernetes manifests: what one object names in another must be there, and each container keeps our rules.

An API server checks each object by itself, and takes a selector that selects nothing, or a port's name that nobody has.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from notificacao.management.commands.dispatch import ENDS_WITHIN as DISPATCH_ENDS_WITHIN
from notificacao.server.serve import ENDS_WITHIN as SERVE_ENDS_WITHIN
from tests.live.ably_server import ROOT

FOLDER = ROOT / "deploy" / "kubernetes"
OVERLAYS = ("staging", "production")
VERSION = re.search(r"^\tk8s\.io/kubernetes v(\d+\.\d+)", (FOLDER / "tools" / "go.mod").read_text(), re.MULTILINE)[1]
NOT_SETTINGS = {"SITE_HOST"}  # of the ConfigMap: ALLOWED_HOSTS is made of it
_CUSTOM = {"ExternalSecret", "PrometheusRule", "ServiceMonitor"}  # which only their own definitions can judge
_ENDS_WITHIN = {"web": SERVE_ENDS_WITHIN, "dispatcher": DISPATCH_ENDS_WITHIN}

Object = Mapping[str, Any]


def objects_of(text: str) -> list[Object]:
    """Return the objects of a text, in which two places that one anchor fills are apart, as at the API server."""
    return [json.loads(json.dumps(found)) for found in yaml.safe_load_all(text) if found]


def schema_fault(one: Object) -> str | None:
    """Return what Kubernetes' own schema refuses of it, strictly, or None."""
    import kubernetes_validate  # which takes seconds, and every process of the tests reads this file

    try:
        kubernetes_validate.validate(one, VERSION, strict=True)
    except kubernetes_validate.ValidationError as refused:
        return str(refused)
    return None


def written() -> list[Object]:
    """Return what base and components hold, with the ConfigMap that kustomize makes of the settings of staging."""
    kustomizations = sorted(FOLDER.glob("base/kustomization.yaml")) + sorted(
        FOLDER.glob("components/*/kustomization.yaml")
    )
    found = [
        told
        for path in kustomizations
        for name in yaml.safe_load(path.read_text())["resources"]
        for told in objects_of((path.parent / name).read_text())
    ]
    return [
        *found,
        {"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "settings"}, "data": settings("staging")},
    ]


def settings(overlay: str) -> dict[str, str]:
    """Return the settings of an environment: those of all, and its own."""
    paths: Iterable[Path] = (FOLDER / "base" / "settings.env", FOLDER / "overlays" / overlay / "settings.env")
    lines = (line for path in paths for line in path.read_text().splitlines() if line and not line.startswith("#"))
    return dict(line.split("=", 1) for line in lines)


@dataclass(frozen=True)
class Workload:
    """What makes pods: a Deployment or a Job."""

    made_by: Object

    @property
    def name(self) -> str:
        return self.made_by["metadata"]["name"]

    @property
    def template(self) -> Object:
        return self.made_by["spec"]["template"]

    @property
    def labels(self) -> Mapping[str, str]:
        return self.template["metadata"]["labels"]

    @property
    def pod(self) -> Object:
        return self.template["spec"]

    @property
    def containers(self) -> list[Object]:
        return [*self.pod.get("initContainers", []), *self.pod["containers"]]

    @property
    def ports(self) -> set[str]:
        return {port["name"] for container in self.pod["containers"] for port in container.get("ports", [])}


def is_custom(one: Object) -> bool:
    return one["kind"] in _CUSTOM


def workloads(objects: Iterable[Object]) -> list[Workload]:
    return [Workload(one) for one in objects if one["kind"] in ("Deployment", "Job")]


def pods(objects: Iterable[Object]) -> list[Object]:
    """Return the pod that each workload makes: admission judges pods, and only warns of what makes them."""
    return [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": f"{one.name}-tried",
                "namespace": one.made_by["metadata"]["namespace"],
                "labels": one.labels,
            },
            "spec": one.pod,
        }
        for one in workloads(objects)
    ]


def faults(objects: list[Object]) -> list[str]:
    """Return what is wrong with them together, a sentence each."""
    return [*_wrong_selectors(objects), *_wrong_ports(objects), *_wrong_names(objects), *_wrong_pods(objects)]


def _matches(selector: Object, labels: Mapping[str, str]) -> bool:
    wanted = selector.get("matchLabels", {}).items() <= labels.items()
    return wanted and all(labels.get(one["key"]) in one["values"] for one in selector.get("matchExpressions", []))


def _of(objects: Iterable[Object], kind: str) -> list[Object]:
    return [one for one in objects if one["kind"] == kind]


def _selects(one: Object) -> Object | None:
    """Return the selector of pods that an object has, in the form of a LabelSelector."""
    spec = one.get("spec", {})
    if one["kind"] == "Service":
        return {"matchLabels": spec["selector"]}
    return spec.get("podSelector") if one["kind"] == "NetworkPolicy" else spec.get("selector")


def _selected(one: Object, objects: Iterable[Object]) -> list[Workload]:
    return [made for made in workloads(objects) if _matches(_selects(one) or {}, made.labels)]


def _wrong_selectors(objects: list[Object]) -> Iterator[str]:
    for one in objects:
        name = f"{one['kind']} {one['metadata']['name']}"
        if one["kind"] in ("Service", "PodDisruptionBudget", "Deployment"):
            found = [made.name for made in _selected(one, objects)]
            if found != [one["metadata"]["name"]]:
                yield f"{name} selects the pods of {found} and not its own."
        elif one["kind"] == "NetworkPolicy" and not _selected(one, objects):
            yield f"{name} selects no pod."
        elif one["kind"] == "ServiceMonitor" and len(_monitored(one, objects)) != 1:
            yield f"{name} selects {len(_monitored(one, objects))} services and not one."
    for made in workloads(objects):
        for spread in made.pod.get("topologySpreadConstraints", []):
            if not _matches(spread["labelSelector"], made.labels):
                yield f"{made.name} is spread by labels that its pods have not."


def _monitored(monitor: Object, objects: Iterable[Object]) -> list[Object]:
    return [one for one in _of(objects, "Service") if _matches(monitor["spec"]["selector"], one["metadata"]["labels"])]


def _wrong_ports(objects: list[Object]) -> Iterator[str]:
    for name, port, ports in _named_ports(objects):
        if port not in ports:
            yield f"{name} names the port {port}, and there are {sorted(ports)}."


def _named_ports(objects: list[Object]) -> Iterator[tuple[str, str, set[str]]]:
    """Give who names a port, its name, and the names that there are."""
    offered = {
        one["metadata"]["name"]: {port["name"] for port in one["spec"]["ports"]} for one in _of(objects, "Service")
    }
    for one in objects:
        name = f"{one['kind']} {one['metadata']['name']}"
        if one["kind"] in ("Service", "NetworkPolicy"):
            there = set().union(*(made.ports for made in _selected(one, objects)))
            yield from ((name, port, there) for port in _ports_of(one))
        elif one["kind"] == "ServiceMonitor":
            there = set().union(*(offered[found["metadata"]["name"]] for found in _monitored(one, objects)))
            yield from ((name, end["port"], there) for end in one["spec"]["endpoints"])
        elif one["kind"] == "Ingress":
            for service in _backends(one):
                yield name, service["port"]["name"], offered.get(service["name"], set())
    for made in workloads(objects):
        for container in made.containers:
            own = {port["name"] for port in container.get("ports", [])}
            probes = (container[key] for key in ("startupProbe", "livenessProbe", "readinessProbe") if key in container)
            yield from ((f"a probe of {made.name}", probe["httpGet"]["port"], own) for probe in probes)


def _ports_of(one: Object) -> list[str]:
    """Return the ports of pods that a Service or a NetworkPolicy names."""
    if one["kind"] == "Service":
        return [port["targetPort"] for port in one["spec"]["ports"]]
    return [port["port"] for rule in one["spec"].get("ingress", []) for port in rule["ports"]]


def _backends(ingress: Object) -> list[Object]:
    return [path["backend"]["service"] for rule in ingress["spec"]["rules"] for path in rule["http"]["paths"]]


def _wrong_names(objects: list[Object]) -> Iterator[str]:
    there = {(one["kind"], one["metadata"]["name"]) for one in objects}
    there |= {("Secret", one["spec"]["target"]["name"]) for one in _of(objects, "ExternalSecret")}
    for whose, kind, name in _references(objects):
        if (kind, name) not in there:
            yield f"{whose} refers to {kind} {name}, which is not there."


def _references(objects: list[Object]) -> Iterator[tuple[str, str, str]]:
    for made in workloads(objects):
        yield made.name, "ServiceAccount", made.pod["serviceAccountName"]
        for container in made.containers:
            for source in container["envFrom"]:
                kind = "ConfigMap" if "configMapRef" in source else "Secret"
                yield made.name, kind, next(iter(source.values()))["name"]
    for one in _of(objects, "HorizontalPodAutoscaler"):
        target = one["spec"]["scaleTargetRef"]
        yield "the autoscaler", target["kind"], target["name"]
    for one in _of(objects, "Ingress"):
        yield from ((f"Ingress {one['metadata']['name']}", "Service", service["name"]) for service in _backends(one))
    for one in _of(objects, "ServiceMonitor"):
        for end in one["spec"]["endpoints"]:
            yield f"ServiceMonitor {one['metadata']['name']}", "Secret", end["authorization"]["credentials"]["name"]


def _wrong_pods(objects: list[Object]) -> Iterator[str]:
    scaled = {one["spec"]["scaleTargetRef"]["name"] for one in _of(objects, "HorizontalPodAutoscaler")}
    for made in workloads(objects):
        for container in made.containers:
            yield from (f"{made.name}: {fault}" for fault in _wrong_container(container))
        if made.name in _ENDS_WITHIN and not _has_time_to_end(made):
            yield f"{made.name} is killed before it has ended by itself."
        if made.name in scaled and "replicas" in made.made_by["spec"]:
            yield f"{made.name} has a number of replicas beside an autoscaler."


def _wrong_container(container: Object) -> Iterator[str]:
    resources = container.get("resources", {})
    for kind, what in (("requests", "cpu"), ("requests", "memory"), ("limits", "memory")):
        if what not in resources.get(kind, {}):
            yield f"{container['name']} has no {what} in its {kind}."
    if not container.get("securityContext", {}).get("readOnlyRootFilesystem"):
        yield f"{container['name']} may write to its root file system."
    if "/tmp" not in {mount["mountPath"] for mount in container.get("volumeMounts", [])}:
        yield f"{container['name']} cannot write to /tmp."


def _has_time_to_end(made: Workload) -> bool:
    """Tell whether a pod's grace holds what comes before SIGTERM and the time in which the process ends by itself."""
    before = sum(
        container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        for container in made.pod["containers"]
    )
    return made.pod["terminationGracePeriodSeconds"] > before + _ENDS_WITHIN[made.name]
