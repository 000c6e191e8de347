using TorchAttention.Cli.Entry;

return CommandLine.Run(args);
