using TorchAttention.Pooling;

namespace TorchAttention.Cli.Training;

/// <summary>What <c>train</c> was asked for. Null means that the option was not given; <see cref="DataSource"/> knows which apply to which data.</summary>
internal sealed record TrainOptions
{
    public string Data { get; init; } = DataSource.Nonlinear;

    public string? X { get; init; }

    public string? Y { get; init; }

    public int? N { get; init; }

    public double? NoiseStd { get; init; }

    public double? ValidationFraction { get; init; }

    public double? Bandwidth { get; init; }

    public int BatchSize { get; init; } = DataSource.DefaultBatchSize;

    public int Epochs { get; init; } = 5;

    public double Lr { get; init; } = 1;

    public ulong Seed { get; init; }

    public bool LeaveOneOut { get; init; }

    public AttentionMethod Method { get; init; }

    public string Device { get; init; } = "auto";

    public string? LibTorch { get; init; }

    public string? Out { get; init; }

    public bool NoPlots { get; init; }

    public bool Quiet { get; init; }

    public bool Json { get; init; }
}
