using TorchAttention.Plotting;

namespace TorchAttention.Cli;

/// <summary>
/// Does in the background what a short run would otherwise wait for: libtorch's loading and the first picture's compilation take 0.2 s each,
/// more than the chapter's training.
/// </summary>
internal sealed class Preparation
{
    private readonly Task _libTorch = Task.Run(LibTorch.EnsureLoaded);

    /// <param name="plots">Whether pictures will be drawn.</param>
    public Preparation(bool plots)
    {
        if (plots)
        {
            Task.Run(DrawSomething);
        }
    }

    /// <summary>Waits until libtorch is loaded.</summary>
    /// <exception cref="LibTorchNotLoadedException">It cannot be loaded.</exception>
    public void AwaitLibTorch() => _libTorch.GetAwaiter().GetResult();

    private static void DrawSomething()
    {
        double[] line = [0, 1];
        Figure curve = Figures.PlotLines([new("", line, line)], "x", "y", [new("", line, line)]);
        curve.ToPng();
        curve.ToSvg();
        Figures.ShowHeatmaps(new double[,] { { 0, 1 } }, "x", "y").ToPng();
    }
}
