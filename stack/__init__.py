"""The embedded stack: what `./hashtide` starts, watches and stops on one machine."""
