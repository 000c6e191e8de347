using TorchAttention.Cli;

return CommandLine.Run(args);
