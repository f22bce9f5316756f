from keras_gen.cli.train import train_command

raise SystemExit(train_command("vae"))
