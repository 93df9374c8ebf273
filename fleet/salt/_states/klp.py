# SPDX-License-Identifier: GPL-2.0-only
"""States of kernel live patches, implemented with klpctl.

``installed`` installs and loads a patch, and uninstalls it if that fails. ``healthy`` fails unless all patches
installed for the running kernel are applied. ``absent`` uninstalls and unloads a patch.

The minion's configuration may set the program (``klp.klpctl``).
"""

import json
from pathlib import Path

# klpctl's exit status while a transition is running.
IN_TRANSITION = 3


def __virtual__():
    return "klp"


def _klpctl(*arguments):
    """Runs klpctl."""
    program = __salt__["config.get"]("klp.klpctl", "/usr/sbin/klpctl")  # noqa: F821
    return __salt__["cmd.run_all"]([program, *arguments], python_shell=False, ignore_retcode=True)  # noqa: F821


def _output(answer):
    return (answer["stderr"] or answer["stdout"]).strip()


def _json(*arguments):
    """Returns klpctl's JSON output and no error, or no output and the error."""
    answer = _klpctl("--json", *arguments)
    try:
        value = json.loads(answer["stdout"])
    except ValueError:
        return None, f"klpctl {arguments[0]}: {_output(answer)}"
    if answer["retcode"] not in (0, IN_TRANSITION):
        return None, f"klpctl {arguments[0]}: {value.get('message', 'failed')}"
    return value, None


def _result(name, result, comment, changes=None):
    return {"name": name, "result": result, "comment": comment, "changes": changes or {}}


def installed(name, replace=False, timeout="60s"):
    """Installs the patch in the file ``name``, and loads it if it was built for the running kernel.

    replace
        Whether it replaces all patches installed for its kernel.
    timeout
        The time limit of its transition.
    """
    file = Path(name)
    if __opts__["test"] and not file.exists():  # noqa: F821
        return _result(name, None, "it would be installed", {name: {"old": None, "new": "installed"}})
    info, error = _json("info", name)
    status, error = (None, error) if error else _json("status")
    if error:
        return _result(name, False, error)
    patch = info["info"]["name"]
    release = info["info"]["vermagic"].split()[0]
    here = release == status["kernel"]
    others = status["installed"]["other_kernels"].get(release, [])
    installed_here = {it["name"]: it for it in status["installed"]["patches"]}
    states = {name: it["state"] for name, it in installed_here.items()} if here else dict.fromkeys(others)
    if states.get(patch) == "held":
        # Installing it again would load it.
        return _result(
            name, False, f"{patch} is held out: the machine went down with it; `klpctl boot --retry {patch}` retries it"
        )
    # A copy of the installed file: klpctl's own copy is not compressed, so it cannot be compared.
    mark = file.with_name(file.name + ".installed")
    is_there = patch in states
    # klpctl keeps the previous version for some time, without loading it.
    series = info["info"].get("series")
    is_older = here and series and (installed_here.get(patch, {}).get("superseded_by") or "").startswith(f"{series}_")
    if is_there and not is_older and mark.exists() and mark.read_bytes() == file.read_bytes():
        return _result(name, True, f"{patch} is installed for kernel {release}")
    changes = {patch: {"old": "another file" if is_there else None, "new": f"installed for {release}"}}
    if __opts__["test"]:  # noqa: F821
        return _result(name, None, f"{patch} would be installed for kernel {release}", changes)
    options = ["--now"] if here else []
    options += ["--replace"] if replace else []
    answer = _klpctl("install", *options, "--timeout", timeout, name)
    if answer["retcode"] == 0:
        mark.write_bytes(file.read_bytes())
        return _result(name, True, f"{patch} was installed for kernel {release}", changes)
    comment = _output(answer)
    if not is_there:
        # A patch that stalled would be loaded at the next boot.
        back = _klpctl("uninstall", "--missing-ok", "--kernel", release, patch)
        comment += "\nit was uninstalled" if back["retcode"] == 0 else f"\nit is still installed: {_output(back)}"
    return _result(name, False, comment)


def healthy(name):
    """Fails if a transition is running, or a patch installed for the running kernel is not applied."""
    status, error = _json("status")
    if error:
        return _result(name, False, error)
    wrong = [f"{it['name']} is {it['state']}" for it in status["patches"] if it["state"] != "applied"]
    wrong += [
        f"{it['name']} is installed, but {it['state']}"
        for it in status["installed"]["patches"]
        if it["state"] not in ("loaded", "on-trial", "superseded")
    ]
    if wrong and __opts__["test"]:  # noqa: F821
        return _result(name, None, ", ".join(wrong))
    return _result(name, not wrong, ", ".join(wrong) or "all live patches are applied")


def absent(name, timeout="60s"):
    """Uninstalls and unloads all versions of the patch ``name``, which may omit the version."""
    status, error = _json("status")
    if error:
        return _result(name, False, error)
    names = [it["name"] for it in status["patches"] + status["installed"]["patches"]]
    names += [patch for patches in status["installed"]["other_kernels"].values() for patch in patches]
    patch = name.replace("-", "_")
    # Names of versions start with that of the patch. klpctl decides which patches match.
    if not any(it == patch or it.startswith(f"{patch}_") for it in names):
        return _result(name, True, f"there is no {patch}")
    changes = {patch: {"old": "present", "new": None}}
    if __opts__["test"]:  # noqa: F821
        return _result(name, None, f"{patch} would be uninstalled", changes)
    answer = _klpctl("uninstall", "--now", "--missing-ok", "--all-versions", "--timeout", timeout, patch)
    if answer["retcode"] != 0:
        return _result(name, False, _output(answer))
    if not answer["stderr"].strip():
        return _result(name, True, f"there is no {patch}")
    return _result(name, True, f"{patch} was uninstalled", changes)
