"""python -m keras_gen COMMAND."""

from keras_gen.cli.main import main

raise SystemExit(main())
