"""Valid experiments that together use every feature of Chaos Toolkit's specification and of chaoslib."""

from __future__ import annotations

MINIMAL = """\
title: t
description: d
method: []
"""

WHOLE = """\
version: 1.0.0
title: Losing ${what} is survived
description: |
  Everything that an experiment can say.
tags: [one, two]
contributions: {reliability: high, security: none, speed: low, cost: medium}
x-anchors:
  once: &once {type: probe, name: later, provider: {type: process, path: 'true', arguments: []}}
  quick: &quick {timeout: 2, verify_tls: false}

configuration:
  what: a node
  port: 8080
  ratio: 0.5
  "on": true
  nothing: null
  names: [a, b]
  nested: {any: {thing: [1]}}
  from_environment: {type: env, key: SOME_VARIABLE, default: value}
  a_number: {type: env, key: SOME_NUMBER, default: "3", env_var_type: int}
  a_switch: {type: env, key: SOME_SWITCH, default: "no", env_var_type: bool}
  a_fraction: {type: env, key: SOME_FRACTION, default: 0.5, env_var_type: float}
  a_structure: {type: env, key: SOME_JSON, default: '{"a": [1]}', env_var_type: json}
  some_bytes: {type: env, key: SOME_BYTES, default: abc, env_var_type: bytes}
  vault_addr: http://localhost:8200
  computed:
    type: probe
    name: asked before the experiment
    provider: {type: process, path: echo, arguments: hello}

extensions:
  - name: vendor
    data: {anything: [goes, 1, null]}

controls:
  - name: whole
    provider: {type: python, module: chaosgood_ext.game.control}
  - name: top only
    automatic: false
    scope: before
    provider: {type: python, module: chaosgood_ext.game.control, arguments: {}}

runtime:
  hypothesis: {strategy: continuously}
  rollbacks: {strategy: always}
  python: {dependencies: [requests], isolated: true, version: "3.13"}

steady-state-hypothesis:
  title: All is well
  controls:
    - name: of the hypothesis
      scope: after
      provider: {type: python, module: chaosgood_ext.game.control}
  probes:
    - {type: probe, name: status, tolerance: 200, provider: {type: http, url: "http://localhost:${port}/"}}
    - {type: probe, name: one of, tolerance: [200, 201, 503], provider: {type: http, url: "http://localhost"}}
    - {type: probe, name: neighbours, tolerance: [200, 201], provider: {type: http, url: "http://localhost"}}
    - {type: probe, name: exit status, tolerance: 0, provider: {type: process, path: "true", timeout: 2.5}}
    - type: probe
      name: a boolean
      tolerance: true
      provider: {type: python, module: os.path, func: exists, arguments: {path: /tmp}}
    - type: probe
      name: text
      tolerance: ok
      provider: {type: python, module: os, func: getenv, arguments: {key: HOME}}
    - type: probe
      name: a variable
      tolerance: ${what}
      provider: {type: python, module: os, func: getenv, arguments: {key: HOME}}
    - type: probe
      name: limits
      tolerance: [0.5, 9]
      provider: {type: python, module: threading, func: active_count}
    - type: probe
      name: words as limits
      tolerance: [a, z]
      provider: {type: python, module: platform, func: node, arguments: {}}
    - type: probe
      name: output
      tolerance: {type: regex, target: stdout, pattern: '^\\d+ ${what}$'}
      provider: {type: process, path: echo, arguments: ["1 a node", 2, null]}
    - type: probe
      name: range of the status
      tolerance: {type: range, target: status, range: [200, 299]}
      provider:
        type: http
        url: http://localhost
        method: POST
        headers: {Authorization: "${token}", Content-Type: application/json}
        timeout: [1, 2.5]
        verify_tls: false
        max_retries: 3
        arguments: {a: 1, b: ["${what}"]}
        secrets: [group]
    - type: probe
      name: number of a function
      tolerance: {type: range, range: [-1.5, 100]}
      provider: {type: python, module: threading, func: active_count}
    - type: probe
      name: judged
      provider: {type: python, module: chaosprometheus.probes, func: query, arguments: {query: up}}
      tolerance:
        type: probe
        name: at least one
        provider:
          type: python
          module: chaosgood_ext.prometheus.probes
          func: values_within
          arguments: {minimum: 1}
    - ref: status of the method
      tolerance: 200

method:
  - name: status of the method
    type: probe
    provider: {type: http, url: "http://localhost", <<: *quick, arguments: a=b}
  - ref: status
  - *once
  - name: in the background
    type: action
    background: true
    provider: {type: process, path: sleep, arguments: ["${a_number}"], timeout: 10}
    pauses: {before: 0.5, after: 1}
    controls: []
  - name: by a shell
    type: action
    provider: {type: process, path: bash, arguments: -c 'true'}
    pauses: {before: "${port}"}
  - name: a fault
    type: action
    provider:
      type: python
      module: chaosaws.ec2.actions
      func: stop_instances
      arguments:
        az: us-east-1a
        filters: [{Name: "tag:${what}", Values: [x]}]
        force: true
      secrets: [group]
  - ref: a fault
    background: false

rollbacks:
  - ref: a fault
  - name: again
    type: action
    background: false
    provider: {type: http, url: "https://${what}.example", timeout: null, headers: null}
  - name: asked at the end
    type: probe
    provider: {type: process, path: 'true'}

secrets:
  group:
    token: {type: env, key: HOME}
    inline: abc
    deeper: {type: vault, path: secret/a, key: b}
    all_of_it: {type: vault, path: secret/a}
  other: {}
"""

# Older experiments say less; these are the forms that are met most.
SHORT = """\
{"version": "1.0.0", "title": "t", "description": "d", "tags": null, "extensions": null, "runtime": null,
 "contributions": null, "steady-state-hypothesis": {"title": "h", "probes": []},
 "method": [{"type": "action", "name": "a", "provider": {"type": "python", "module": "time", "func": "sleep",
  "arguments": {"seconds": 1}}, "pauses": {"after": 0}}], "rollbacks": [], "configuration": {}, "secrets": {},
 "controls": []}
"""
