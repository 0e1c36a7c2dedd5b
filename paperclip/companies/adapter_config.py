"""An agent's adapter and runtime configuration: how changes merge, and what an agent may not write itself.

What the host executes is the board's to decide: an agent that could edit its own command, or a command that
runs before its work, would run programs of its choice (C-56, CW-10).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from paperclip.companies import bindings
from paperclip.companies.choices import ADAPTER_TYPES
from paperclip.core import redaction
from paperclip.core.errors import Forbidden, Invalid, Unprocessable

Config = dict[str, Any]

INSTRUCTION_KEYS = (
    "instructionsBundleMode", "instructionsRootPath", "instructionsEntryFile", "instructionsFilePath",
    "agentsMdPath",
)  # fmt: skip
# Kept when the adapter type changes and the new configuration does not name them (C-56).
_CARRIED_KEYS = (
    "env", "cwd", "timeoutSec", "graceSec", "promptTemplate", "bootstrapPromptTemplate", *INSTRUCTION_KEYS,
)  # fmt: skip
_HOST_COMMANDS = ("provisionCommand", "teardownCommand", "worktreeParentDir")
_HOST_SERVICES = ("workspaceRuntime",)
# What decides which program runs, where, with what environment and behind which guard; or which host is
# called.
_OWN_HOST_KEYS = (
    "command", "args", "extraArgs", "cwd", "env", "addDirs", "url", "method", "headers", "workspaceStrategy",
    "workspaceRuntime", "dangerouslySkipPermissions", "dangerouslyBypassApprovalsAndSandbox",
    "dangerouslyBypassSandbox",
)  # fmt: skip
_PROFILE_KEYS = frozenset({"enabled", "label", "adapterConfig"})


# Adapter type and configuration -> (key, what is wrong with its value); what can run here knows the keys of its kinds.
Look = Callable[[str, Mapping[str, Any]], Iterable[tuple[str, str]]]
_looks: list[Look] = []


def register_look(look: Look) -> None:
    """Have configurations looked at by `look` when they are saved; registering it again changes nothing."""
    if look not in _looks:
        _looks.append(look)


def require_fitting(adapter_type: str, config: Mapping[str, Any], *path: str | int) -> None:
    """Raise Invalid, naming every key, for values that an adapter of this type could not use (A-2)."""
    faults = [fault for look in _looks for fault in look(adapter_type, config)]
    if faults:
        raise Invalid(
            [{"code": "custom", "path": [*path, key], "message": message} for key, message in faults]
        )


def require_known_type(adapter_type: str) -> None:
    """Raise Unprocessable for an adapter type the interface does not know (C-54)."""
    if adapter_type not in ADAPTER_TYPES:
        raise Unprocessable(f"Unknown adapter type: {adapter_type[:64]}")


def checked(config: Mapping[str, Any], *path: str | int) -> Config:
    """Return an adapter configuration with its environment in object form.

    Raises Invalid or Unprocessable.
    """
    checked_config = dict(config)
    if "env" in checked_config:
        checked_config["env"] = bindings.normalized(checked_config["env"], *path, "env")
    if holds_marker(checked_config):
        raise Unprocessable(
            f"{'.'.join(map(str, path))}: a redacted value cannot be stored; send the real value"
        )
    return checked_config


def checked_runtime(config: Mapping[str, Any], *, with_defaults: bool) -> Config:
    """Return a runtime configuration; `with_defaults` fills in no timer and one run at a time.

    Raises Invalid for a `heartbeat` that is no object and for unknown keys in `modelProfiles`, which is
    strict.
    """
    result = dict(config)
    heartbeat = result.get("heartbeat", {})
    if not isinstance(heartbeat, Mapping):
        raise Invalid.at("runtimeConfig", "heartbeat", message="Expected object", code="invalid_type")
    if with_defaults:
        result["heartbeat"] = {"enabled": False, "maxConcurrentRuns": 1, **heartbeat}
    if result.get("modelProfiles") is not None:
        result["modelProfiles"] = _checked_profiles(result["modelProfiles"])
    return result


def _checked_profiles(profiles: Any) -> Config:
    path = ("runtimeConfig", "modelProfiles")
    _require_keys(profiles, frozenset({"cheap"}), *path)
    cheap = profiles.get("cheap")
    if cheap is None:
        return dict(profiles)
    _require_keys(cheap, _PROFILE_KEYS, *path, "cheap")
    for key, kind, word in (
        ("enabled", bool, "boolean"),
        ("label", str, "string"),
        ("adapterConfig", Mapping, "object"),
    ):
        if cheap.get(key) is not None and not isinstance(cheap[key], kind):
            raise Invalid.at(*path, "cheap", key, message=f"Expected {word}", code="invalid_type")
    if cheap.get("adapterConfig") is None:
        return {"cheap": dict(cheap)}
    return {
        "cheap": {**cheap, "adapterConfig": checked(cheap["adapterConfig"], *path, "cheap", "adapterConfig")}
    }


def _require_keys(value: Any, known: frozenset[str], *path: str) -> None:
    if not isinstance(value, Mapping):
        raise Invalid.at(*path, message="Expected object", code="invalid_type")
    unknown = sorted(set(value) - known)
    if unknown:
        message = f"Unrecognized key(s) in object: {', '.join(map(repr, unknown))}"
        raise Invalid(
            [{"code": "unrecognized_keys", "keys": unknown, "path": list(path), "message": message}]
        )


def merged(stored: Config, sent: Config, *, replace: bool, type_changes: bool) -> Config:
    """Return what `stored` becomes when `sent` is patched onto it (C-56)."""
    if type_changes:
        return {key: stored[key] for key in _CARRIED_KEYS if key in stored} | sent
    return sent if replace else stored | sent


def holds_marker(value: Any) -> bool:
    """Whether the redaction marker stands anywhere in a JSON value."""
    if isinstance(value, str):
        return redaction.MARKER in value
    if isinstance(value, Mapping):
        return any(holds_marker(item) for item in value.values())
    return isinstance(value, list) and any(holds_marker(item) for item in value)


def refuse_host_changes(*, before: tuple[Config, Config], after: tuple[Config, Config], own: bool) -> None:
    """Raise Forbidden if an agent's write changes what is the board's: (adapter, runtime) before and after.

    Instruction locations and workspace commands are closed to agents everywhere, also inside a model profile;
    `own` says that the agent writes its own row, whose program and environment are closed to it too.
    """
    old = dict(_adapter_configs(*before))
    for path, config in _adapter_configs(*after):
        known = old.get(path, {})
        _refuse_changes(
            path, known, config, INSTRUCTION_KEYS,
            "Agent-authenticated callers cannot modify instructions path or bundle configuration ({})",
        )  # fmt: skip
        refuse_strategy_changes(known, config, path)
        if own:
            _refuse_changes(
                path, known, config, _OWN_HOST_KEYS,
                "Agents cannot modify which program they run, or its folder, arguments and environment ({})",
            )  # fmt: skip


def refuse_strategy_changes(before: Config, after: Config, path: str) -> None:
    """Raise Forbidden if the `workspaceStrategy` of an object got another host command, or the object other services
    (C-56, C-67, WW-13).
    """
    _refuse_changes(
        f"{path}.workspaceStrategy", _strategy(before), _strategy(after), _HOST_COMMANDS,
        "Agent keys cannot modify host-executed workspace commands ({}).",
    )  # fmt: skip
    _refuse_changes(
        path, before, after, _HOST_SERVICES, "Agent keys cannot modify host-executed workspace commands ({})."
    )


def _adapter_configs(adapter_config: Config, runtime_config: Config) -> Iterator[tuple[str, Config]]:
    yield "adapterConfig", adapter_config
    profiles = runtime_config.get("modelProfiles")
    cheap = profiles.get("cheap") if isinstance(profiles, dict) else None
    profile_config = cheap.get("adapterConfig") if isinstance(cheap, dict) else None
    yield (
        "runtimeConfig.modelProfiles.cheap.adapterConfig",
        profile_config if isinstance(profile_config, dict) else {},
    )


def _strategy(config: Config) -> Config:
    strategy = config.get("workspaceStrategy")
    return strategy if isinstance(strategy, dict) else {}


def _refuse_changes(path: str, before: Config, after: Config, keys: tuple[str, ...], text: str) -> None:
    changed = [f"{path}.{key}" for key in keys if before.get(key) != after.get(key)]
    if changed:
        raise Forbidden(text.format(", ".join(changed)))
