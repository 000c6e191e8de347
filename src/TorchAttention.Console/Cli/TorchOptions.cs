namespace TorchAttention.Cli;

/// <summary>Options of the commands that compute with tensors.</summary>
internal static class TorchOptions
{
    public static Option<string> Device()
    {
        return new Option<string>("--device")
        {
            Description = $"Where to compute: {ComputeDevice.Names}",
            HelpName = "device",
            DefaultValueFactory = _ => "auto",
            CustomParser = result =>
            {
                string text = result.Tokens[0].Value;
                if (!ComputeDevice.IsName(text))
                {
                    result.AddError($"--device: expected {ComputeDevice.Names}, got '{text}'");
                }

                return text;
            },
        };
    }

    public static Option<string?> LibTorch() => Options.Text(
        LibTorchChoice.Option,
        "folder",
        $"The torch/lib of a PyTorch {TorchAttention.LibTorch.NeededVersion} to use instead of the program's own libtorch "
            + $"(default: the variable {TorchAttention.LibTorch.DirectoryVariable})");
}
