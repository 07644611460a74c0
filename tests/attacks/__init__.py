"""What somebody who means harm would try, tried: bounded, and on this machine alone."""
