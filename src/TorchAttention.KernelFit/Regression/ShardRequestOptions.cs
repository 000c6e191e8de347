using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Pooling;
using TorchAttention.Numerics.Sharding;

namespace TorchAttention.Cli.Regression;

/// <summary>The options that say how shards are asked: of <c>predict</c>, and of a request to <c>serve</c>.</summary>
internal sealed class ShardRequestOptions
{
    private readonly Option<double[]?> _bandwidth = Options.PositiveNumbers(
        "--bandwidth", "With shards, one bandwidth for all features or one for each");
    private readonly Option<string?> _kernel = Options.Text(
        "--kernel", "kernel", $"With shards, the kernel: {FitOptions.KernelNames} (default gaussian)");
    private readonly Option<int?> _degree = FitOptions.DegreeOption("With shards, the degree: 0 or 1 (default 0)");
    private readonly Option<NoNeighbourPolicy> _noNeighbour = FitOptions.NoNeighbourOption();
    private readonly Option<ShardSigma?> _sigma = ShardSigma.Option();

    private IEnumerable<Option> All => [_bandwidth, _kernel, _degree, _noNeighbour, _sigma];

    public void AddTo(Command command) => command.AddAll(All);

    /// <summary>Refuses what is for shards alone.</summary>
    public void Refuse(ParseResult parsed)
    {
        if (All.FirstOrDefault(option => parsed.GetResult(option) is { Implicit: false }) is Option given)
        {
            throw CliException.WrongInput($"{given.Name}: expected --shards beside it; a model has its own");
        }
    }

    /// <summary>Whether there are to be standard errors.</summary>
    public bool HasSigma(ParseResult parsed) => parsed.GetValue(_sigma) is not null;

    /// <summary>The bandwidths as they are given.</summary>
    /// <exception cref="CliException">There are none.</exception>
    public double[] BandwidthsOf(ParseResult parsed) => parsed.NumbersOf(_bandwidth)
        ?? throw CliException.WrongInput("--bandwidth: expected one for all features or one for each beside --shards, got none");

    /// <summary>What is asked.</summary>
    /// <param name="parsed">The options' values.</param>
    /// <param name="names">What the shards' columns are called.</param>
    /// <param name="columns">How many columns of values there are.</param>
    /// <param name="hasSlopes">Whether slopes are asked for.</param>
    /// <exception cref="CliException">
    /// There is no bandwidth, or not one for each feature, another degree, or not a sigma for each column of values.
    /// </exception>
    public ShardAsked Read(ParseResult parsed, ModelNotes names, int columns, bool hasSlopes)
    {
        int features = names.Features.Length;
        double[] bandwidths = BandwidthsOf(parsed);
        if (bandwidths.Length != 1 && bandwidths.Length != features)
        {
            throw CliException.WrongInput(
                $"--bandwidth: expected one bandwidth or one for each of {PlainText.List(names.Features)}, got {bandwidths.Length}");
        }

        var request = new ShardRequest
        {
            Kernel = parsed.GetValue(_kernel) is string kernel ? FitOptions.KernelOf(kernel) : SmoothingKernel.Gaussian,
            Bandwidths = bandwidths.Length == 1 ? [.. Enumerable.Repeat(bandwidths[0], features)] : bandwidths,
            Degree = FitOptions.DegreeOf(parsed, _degree),
            HasSlopes = hasSlopes,
        };
        ShardSigma? sigma = parsed.GetValue(_sigma);
        return sigma?.Given is not double[] given || given.Length == columns
            ? new ShardAsked(request, parsed.GetValue(_noNeighbour), sigma)
            : throw CliException.WrongInput(
                $"{ShardSigma.Name}: expected a number for each of {PlainText.List(names.TargetsOf(columns))}, got {given.Length}");
    }
}
