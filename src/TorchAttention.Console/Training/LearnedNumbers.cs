using TorchAttention.Data;
using TorchAttention.Models;
using TorchAttention.Training;

namespace TorchAttention.Cli.Training;

/// <summary>The few numbers that a model learns and that say something by themselves, in the data's own units.</summary>
internal sealed class LearnedNumbers
{
    private readonly ILearnedNumbers? _model;
    private readonly double[] _deviations;

    /// <param name="model">The model.</param>
    /// <param name="data">Its data, for the units: a w of one column is in 1/units of it, one of several columns in 1/deviations.</param>
    public LearnedNumbers(Module model, RegressionData data)
    {
        _model = model as ILearnedNumbers;
        Names = [.. _model?.LearnedNumbers().Select(number => number.Name) ?? []];
        bool isOfEachColumn = model is RelevanceKernelRegression;
        bool isOfOneColumn = data.XScales.Count == 1;
        _deviations = [.. Names.Select((_, i) => isOfEachColumn ? data.XScales[i].Deviation : isOfOneColumn ? data.XScale.Deviation : 1)];
    }

    public IReadOnlyList<string> Names { get; }

    public IReadOnlyList<double> Values() => _model is null ? [] : [.. _model.LearnedNumbers().Select((number, i) => number.Value / _deviations[i])];
}
