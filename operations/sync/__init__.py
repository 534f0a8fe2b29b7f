"""Makes a preview environment follow its pull request: what to do (pure), until it fits, and how it is done."""
