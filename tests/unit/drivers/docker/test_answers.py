"""Docker's answers, read."""

import pytest

from sealway.drivers.contracts.container_runtime import ContainerSummary, PublishedPort
from sealway.drivers.docker.answers import (
    container_event,
    container_state,
    container_summary,
    repository_digest,
)


def inspection(state, **settings):
    return {
        "Id": "c1",
        "Name": "/web",
        "Image": "sha256:i",
        "State": {"Status": "running", "Pid": 42, "ExitCode": 0, "OOMKilled": False, "Error": ""} | state,
        "Config": {"Labels": {"a": "b"}, "Image": "web:1"},
        "NetworkSettings": settings,
    }


def test_a_running_container():
    times = {"StartedAt": "2024-05-01T10:00:00.5Z", "FinishedAt": "0001-01-01T00:00:00Z"}
    networks = {"sealway": {"IPAddress": "172.18.0.2"}}
    ports = {"80/tcp": [{"HostIp": "10.0.0.5", "HostPort": "32768"}], "90/udp": None}
    state = container_state(inspection(times, Networks=networks, Ports=ports), "sha256:d")
    assert (state.id, state.name, state.labels, state.status, state.pid) == (
        "c1",
        "web",
        {"a": "b"},
        "running",
        42,
    )
    assert (state.exit_code, state.finished_at) == (None, None)
    assert state.started_at == "2024-05-01T10:00:00.5Z"
    assert (state.image, state.image_digest, state.bridge_ip) == ("web:1", "sha256:d", "172.18.0.2")
    assert state.published_ports == (
        PublishedPort(container_port=80, host_ip="10.0.0.5", host_port=32768, protocol="tcp"),
    )


def test_an_ended_container():
    ended = {
        "Status": "exited",
        "Pid": 0,
        "ExitCode": 137,
        "OOMKilled": True,
        "FinishedAt": "2024-05-01T11:00:00Z",
    }
    state = container_state(inspection(ended), None)
    assert (state.exit_code, state.oom_killed, state.finished_at) == (137, True, "2024-05-01T11:00:00Z")
    assert (state.bridge_ip, state.published_ports) == (None, ())


def test_health_is_unknown_until_docker_has_concluded():
    def health(word):
        return container_state(inspection({"Health": {"Status": word}}), None).health

    assert [health(w) for w in ("none", "starting", "healthy", "unhealthy")] == [
        "UNKNOWN",
        "UNKNOWN",
        "HEALTHY",
        "UNHEALTHY",
    ]
    assert container_state(inspection({"Health": None}), None).health == "UNKNOWN"


def event(action, kind="container"):
    attributes = {"sealway.managed": "true", "image": "web:1", "name": "web", "exitCode": "0"}
    return container_event({"Type": kind, "Action": action, "Actor": {"ID": "c1", "Attributes": attributes}})


def test_events_carry_labels_alone():
    assert event("die").labels == {"sealway.managed": "true"}
    assert (event("start").container_id, event("start").action) == ("c1", "start")


def test_a_health_events_action_is_cut_to_its_name():
    assert event("health_status: unhealthy").action == "health_status"


def test_other_events_are_left_out():
    assert event("exec_create: /check") is None
    assert event("destroy", kind="volume") is None


def test_the_digest_is_the_manifests():
    assert repository_digest({"RepoDigests": ["nginx@sha256:abc"]}) == "sha256:abc"
    assert repository_digest({"RepoDigests": []}) is None
    assert repository_digest({}) is None


@pytest.mark.parametrize(
    ("words", "health"),
    [
        ("Up 5 minutes", "UNKNOWN"),
        ("Up 5 minutes (healthy)", "HEALTHY"),
        ("Up 5 minutes (unhealthy)", "UNHEALTHY"),
        ("Up 1 second (health: starting)", "UNKNOWN"),
        ("Exited (137) 2 seconds ago", "UNKNOWN"),
        (None, "UNKNOWN"),
    ],
)
def test_an_entry_of_the_list_tells_the_health_in_words(words: str | None, health: str) -> None:
    listed = {"Id": "c1", "Names": ["/web"], "Labels": {"a": "b"}, "State": "running", "Status": words}
    expected = {"id": "c1", "name": "web", "labels": {"a": "b"}, "status": "running", "health": health}
    assert container_summary(listed) == ContainerSummary(**expected)  # type: ignore[arg-type]
