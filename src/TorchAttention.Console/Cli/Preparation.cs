using TorchAttention.Plotting;

namespace TorchAttention.Cli;

/// <summary>
/// Does in the background what a short run would otherwise wait for: libtorch's loading and the first picture's compilation take 0.2 s
/// each, more than the chapter's training.
/// </summary>
/// <remarks>Disposing waits for both: a process that ends while native libraries are being loaded or used may crash instead.</remarks>
internal sealed class Preparation : IDisposable
{
    private readonly Task _libTorch;
    private readonly Task _drawing;

    /// <param name="libTorch">The folder of the libtorch to load, null for the program's own.</param>
    /// <param name="plots">Whether pictures will be drawn.</param>
    public Preparation(string? libTorch, bool plots)
    {
        _libTorch = Task.Run(() => LibTorchChoice.Load(libTorch));
        _drawing = plots ? Task.Run(DrawSomething) : Task.CompletedTask;
    }

    /// <summary>Waits until libtorch is loaded.</summary>
    /// <exception cref="CliException">The chosen one does not fit.</exception>
    /// <exception cref="LibTorchNotLoadedException">The program's own cannot be loaded.</exception>
    public void AwaitLibTorch() => _libTorch.GetAwaiter().GetResult();

    // What went wrong with either shows where it is used: in AwaitLibTorch, and in the first real picture.
    public void Dispose() => Task.WhenAll(_libTorch, _drawing).ContinueWith(_ => { }, TaskScheduler.Default).Wait();

    private static void DrawSomething()
    {
        double[] line = [0, 1];
        Figure curve = Figures.PlotLines([new("line", line, line)], "x", "y", [new("points", line, line)]);
        curve.ToPng();
        curve.ToSvg();
        Figures.ShowHeatmaps(new double[,] { { 0, 1 } }, "x", "y").ToPng();
    }
}
