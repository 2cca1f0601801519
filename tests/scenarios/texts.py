"""Scenario files that several tests write."""

from __future__ import annotations

from typing import Final

CLERK: Final = """\
scenario: A form is stamped
tags: [smoke, card-payments, timeout]
seed: 7
given:
  scripted:
    - agent: clerk
      summary: Stamps forms.
      examples: [Stamp the form]
      behaviour: {takes_s: 1, returns: {stamped: true}}
when:
  - submit: {id: a, request: Stamp the form, agent: clerk}
then:
  - {type: completed, task: a}
  - {type: result, task: a, pointer: /stamped, equals: true}
"""

OUTLINE: Final = """\
scenario: "A form:: stamped by <who>"
given:
  scripted:
    - {agent: ann, summary: Stamps forms., examples: [Stamp it]}
    - {agent: bob, summary: Stamps forms., examples: [Stamp them]}
when:
  - submit: {id: a, request: Stamp the form, agent: <who>}
then:
  - {type: routed, task: a, to: <who>}
examples:
  - {who: ann}
  - {who: bob, tags: [smoke, slow]}
  - {who: bob}
"""
