using TorchAttention.Cli.Entry;

return new CommandLine(
    "kernelfit",
    "Kernel regression: a curve through your data, the bandwidth it needs, predictions with their bands.",
    CommandLine.OfFits()).Run(args);
