"""The OpenAPI 3.1 document: written from the operations and their types, so that it cannot say otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from agent_ui.api.calls import PROBLEM, Operation, Param

REF = "#/components/schemas/{name}"
_PROBLEM_SCHEMA = {
    "type": "object",
    "properties": {
        "type": {"type": "string"},
        "status": {"type": "integer"},
        "title": {"type": "string"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "field": {"type": "string"},
    },
    "required": ["type", "status", "title", "code", "detail"],
}
_FAILURES = {
    "400": "The request was not understood",
    "401": "No token, or not one of ours",
    "403": "The token may only read",
    "404": "There is nothing of that id",
    "409": "Somebody changed it first",
    "408": "The body did not come in time",
    "413": "Too large",
    "415": "The body is compressed",
    "422": "A value is wrong; `field` names it",
    "429": "Too many calls",
    "503": "Nothing can be kept just now: try again",
}


def describe(operations: Sequence[Operation], product: str) -> dict[str, Any]:
    """The document of these operations."""
    types = [one for operation in operations for one in (operation.answer, operation.body)]
    types = [one for one in types if one not in (None, bytes)]
    schemas, components = msgspec.json.schema_components(types, ref_template=REF)
    named = dict(zip(map(repr, types), schemas, strict=True))
    paths: dict[str, Any] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, named)
    return {
        "openapi": "3.1.0",
        "info": {"title": f"{product} API", "version": "1", "license": {"name": "Apache-2.0"}},
        "servers": [{"url": "/api/v1"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": {**components, "Problem": _PROBLEM_SCHEMA},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(operation: Operation, named: dict[str, Any]) -> dict[str, Any]:
    if operation.answer is bytes:
        content = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
    else:
        content = {"application/json": {"schema": named[repr(operation.answer)]}}
    good = {"description": operation.about, "content": content}
    told: dict[str, Any] = {
        "operationId": f"{operation.handler.__module__.rpartition('.')[2]}.{operation.handler.__name__}",
        "summary": operation.about,
        "parameters": [_param(operation, param) for param in operation.params],
        "responses": {"200": good, **({"201": good} if operation.body else {}), **_failures()},
    }
    if operation.body:
        body = {"application/json": {"schema": named[repr(operation.body)]}}
        told["requestBody"] = {"required": True, "content": body}
    return told


def _param(operation: Operation, param: Param) -> dict[str, Any]:
    in_path = "{" + param.name + "}" in operation.path
    return {
        "name": param.name,
        "in": "path" if in_path else "query",
        "required": in_path,
        "description": param.about,
        "schema": param.schema,
    }


def _failures() -> dict[str, Any]:
    content = {PROBLEM: {"schema": {"$ref": REF.format(name="Problem")}}}
    return {status: {"description": about, "content": content} for status, about in _FAILURES.items()}
