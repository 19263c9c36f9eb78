"""The paths that the gateway answers itself, as an OpenAPI document like those of the services."""

from typing import Any, Final

_TAG: Final = "Platform"
_TEXT: Final = {"type": "string"}
_RESULTS: Final = {"type": "object", "additionalProperties": _TEXT}


def _operation(name: str, summary: str, description: str, **responses: dict[str, Any]) -> dict[str, Any]:
    return {
        "get": {
            "tags": [_TAG],
            "operationId": name,
            "summary": summary,
            "description": description,
            "responses": {status.removeprefix("status_"): response for status, response in responses.items()},
        }
    }


def _answer(description: str, media_type: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {media_type: {"schema": schema}}}


_READINESS: Final = {"$ref": "#/components/schemas/Readiness"}

OWN_DOCUMENT: Final[dict[str, Any]] = {
    "tags": [{"name": _TAG, "description": "Whether the platform works, its metrics, and this description of it."}],
    "paths": {
        "/healthz": _operation(
            "platform_health",
            "Is the gateway up?",
            "The process answers. Whether the services do is at `/readyz`.",
            status_200=_answer(
                "It is.",
                "application/json",
                {"type": "object", "properties": {"status": {"const": "ok"}}, "required": ["status"]},
            ),
        ),
        "/readyz": _operation(
            "platform_readiness",
            "Is everything ready?",
            "Every installed service is ready, and the list of revoked sessions is known.",
            status_200=_answer("Everything is ready.", "application/json", _READINESS),
            status_503=_answer("Something is not ready.", "application/json", _READINESS),
        ),
        "/metrics": _operation(
            "platform_metrics",
            "Metrics of the gateway",
            "In the text format of Prometheus. LIGHTBOX_METRICS_TOKEN as a bearer token opens it too.",
            status_200=_answer("The metrics.", "text/plain", _TEXT),
            status_429={"$ref": "#/components/responses/TooManyRequests"},
            status_503={"$ref": "#/components/responses/ServiceUnavailable"},
        ),
        "/openapi.json": _operation(
            "platform_openapi",
            "This description",
            "OpenAPI 3.1, made of what the services say; `x-unavailable` names those that never answered.",
            status_200=_answer("The description.", "application/json", {"type": "object"}),
        ),
    },
    "components": {
        "schemas": {
            "Readiness": {
                "type": "object",
                "properties": {
                    "status": {"enum": ["ready", "not ready"]},
                    "services": {**_RESULTS, "description": "`ok`, `not installed`, or the kind of its failure."},
                    "checks": _RESULTS,
                },
                "required": ["status", "services", "checks"],
            }
        }
    },
}
