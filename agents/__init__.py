"""The bundled agents. Nothing imports them: they come through the entry-point group `pointsman.agents`, as any do."""
