using TorchAttention.Data;
using TorchAttention.Models;
using TorchAttention.Pooling;
using TorchAttention.Training;

namespace TorchAttention.Cli.Training;

/// <summary>The chapter's three ways to predict on one data set: the average, a fixed kernel, and what is learned.</summary>
internal sealed class Comparison
{
    private readonly TrainOptions _options;
    private readonly DataSource _source;
    private readonly RegressionData _data;
    private readonly CancellationToken _cancellationToken;
    private readonly bool _fillsMatrix;
    private readonly AveragePooling _average;
    private readonly NonparametricAttentionPooling _nonparametric;
    private readonly List<Estimator> _estimators = [];

    /// <summary>Makes the models; needs libtorch.</summary>
    public Comparison(TrainOptions options, DataSource source, RegressionData data, Owned owned, CancellationToken cancellationToken)
    {
        (_options, _source, _data, _cancellationToken) = (options, source, data, cancellationToken);
        _fillsMatrix = options.Method == AttentionMethod.Textbook;
        _average = owned.Add(new AveragePooling(data.YTrain));
        double h = options.Bandwidth!.Value / DataSource.Unit(data);
        _nonparametric = owned.Add(new NonparametricAttentionPooling(data.XTrain, data.YTrain, h) { Method = options.Method });
        Learned = owned.Add(options.Model.Make(options, data));
        InUnits = owned.Add(new ModelInUnits(Learned, ModelUnits.From(data, source.XLabels, source.YLabel)));
        Numbers = new LearnedNumbers(InUnits);
        Units = Units.From(data);
    }

    public Module Learned { get; }

    /// <summary>What is learned, in the data's own units.</summary>
    public ModelInUnits InUnits { get; }

    public LearnedNumbers Numbers { get; }

    public Units Units { get; }

    /// <summary>Those whose errors are known.</summary>
    public IReadOnlyList<Estimator> Estimators => _estimators;

    /// <summary>Measures the errors of those that learn nothing.</summary>
    public void MeasureUntrained()
    {
        _estimators.Add(new("average", _average, _data, _cancellationToken, _fillsMatrix));
        _estimators.Add(new("nonparametric", _nonparametric, _data, _cancellationToken, _fillsMatrix));
        if (!double.IsFinite(_estimators[^1].ValLoss))
        {
            throw CliException.WrongInput(
                $"--bandwidth: {_options.Bandwidth} is too small for the distances between these inputs; their squares do not fit float32");
        }
    }

    /// <summary>Measures the errors of what was learned.</summary>
    public void MeasureLearned()
    {
        Learned.eval();
        bool fillsMatrix = _fillsMatrix || _options.Model.MatricesInAStep(_options) > 0;
        _estimators.Add(new(_options.Model.EstimatorName, Learned, _data, _cancellationToken, fillsMatrix));
    }

    /// <summary>The pictures of all three.</summary>
    /// <param name="board">The losses.</param>
    /// <param name="trace">The learned numbers after every epoch.</param>
    public RunPictures Draw(ProgressBoard board, IReadOnlyList<(double Epoch, double[] Values)> trace)
    {
        var pictures = new RunPictures(_source, _data);
        foreach (Estimator estimator in _estimators)
        {
            pictures.AddPredictions(estimator.Name, estimator);
        }

        pictures.AddAttention("nonparametric-attention", _estimators[1], _nonparametric);
        pictures.AddAttention($"{_estimators[2].Name}-attention", _estimators[2], (IAttentionModel)Learned);
        pictures.AddLoss("loss", board);
        if (Numbers.Names.Count > 1)
        {
            pictures.AddNumbers("w", Numbers, trace);
        }

        if (Learned is RegionalKernelRegression regional)
        {
            pictures.AddWidths("widths", regional);
        }

        return pictures;
    }
}
