using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using TorchAttention.Plotting;
using TorchSharp;

namespace TorchAttention.Cli.Commands;

/// <summary>Prints what the program runs on: for a bug report, or to see why something is slow or missing.</summary>
internal static class InfoCommand
{
    public static Command Create()
    {
        Option<string?> libTorch = TorchOptions.LibTorch();
        var command = new Command("info", "Print versions, which libtorch is used, devices, threads and fonts") { libTorch };
        command.SetAction(parsed => Write(Console.Out, parsed.GetValue(libTorch)));
        return command;
    }

    private static void Write(TextWriter output, string? libTorch)
    {
        LibTorchChoice.Load(libTorch);
        int cudaDevices = ComputeDevice.CudaCount();
        output.WriteLine($"TorchAttention  {ProgramVersion.Text}");
        output.WriteLine(
            $".NET            {Environment.Version} on {RuntimeInformation.OSDescription} ({RuntimeInformation.RuntimeIdentifier})");
        output.WriteLine($"TorchSharp      {typeof(torch).Assembly.GetName().Version}, made for libtorch {torch.__version__}");
        output.WriteLine($"libtorch        {LibTorch.LoadedVersion} from {LibTorch.LoadedFrom}");
        output.WriteLine($"devices         cpu{string.Concat(Enumerable.Range(0, cudaDevices).Select(i => $", cuda:{i}"))}");
        output.WriteLine($"processors      {Environment.ProcessorCount}, {VectorWidth()}");
        output.WriteLine($"threads         {torch.get_num_threads()} for libtorch");
        string fonts = PlotFont.Family is string family ? $"{family} (of {PlotFont.Installed.Count} families)" : PlotFont.NoneInstalled;
        output.WriteLine($"fonts           {fonts}");
    }

    private static string VectorWidth() =>
        Vector512.IsHardwareAccelerated ? "512-bit vectors"
            : Vector256.IsHardwareAccelerated ? "256-bit vectors"
            : "128-bit vectors or none";
}
