using TorchAttention.Data;
using TorchAttention.Models;
using TorchAttention.Plotting;
using TorchAttention.Pooling;
using TorchAttention.Training;
using static TorchSharp.torch;

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
        Units = Units.From(data);
    }

    public Module Learned { get; }

    /// <summary>What is learned, in the data's own units.</summary>
    public ModelInUnits InUnits { get; }

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
        foreach ((int i, Estimator estimator) in _estimators.Index())
        {
            pictures.AddPredictions(estimator.Name, estimator, Title(i));
        }

        if (_source.XLabels.Count > 2)
        {
            string title = $"{PlainText.Brief(_source.Name)}: each column with the others at their medians, n = ";
            pictures.AddEffects("effects", _estimators, title + NumberText.Format(_data.XTrain.shape[0]));
        }

        pictures.AddAttention("nonparametric-attention", _estimators[1], _nonparametric, Title(1));
        pictures.AddAttention($"{_estimators[2].Name}-attention", _estimators[2], (IAttentionModel)Learned, Title(2));
        pictures.AddLoss("loss", board, Title(2));
        string[] names = [.. InUnits.LearnedNumbers().Select(number => number.Name)];
        if (names.Length > 1)
        {
            pictures.AddNumbers("w", names, trace, Title(2));
        }

        if (Learned is NWKernelRegression { Regions: Tensor regions } model)
        {
            using Tensor ofKeys = model.W[regions];
            pictures.AddWidths("widths", ofKeys.ToDoubles(), Title(2));
        }

        return pictures;
    }

    // The data, the model, how many examples it has.
    private string Title(int estimator)
    {
        string model = estimator switch
        {
            0 => "average",
            1 => $"nonparametric, gaussian kernel, h = {NumberText.Format(_options.Bandwidth!.Value)}",
            _ when _options.Model.HasScore => $"{_options.Model.Name}, learned score"
                + (_options.Model.Name == LearnedModel.MultiHead ? $" of {_options.Heads} heads" : ""),
            _ => $"{_estimators[2].Name}, {_options.Kernel.Name} kernel, {Widths()}",
        };
        return $"{PlainText.Brief(_source.Name)}: {model}, n = {NumberText.Format(_data.XTrain.shape[0])}";
    }

    private string Widths()
    {
        const int mostNamed = 3;
        string[] widths = [.. InUnits.LearnedNumbers().Where(number => _options.Model.IsWidth(number.Name))
            .Select(number => NumberText.Format(1 / Math.Abs(number.Value)))];
        if (_source.XLabels.Count > 1 && widths.Length == _source.XLabels.Count)
        {
            widths = [.. widths.Zip(_source.XLabels, (h, column) => $"{h} ({PlainText.Brief(column)})")];
        }

        return widths.Length is 0 or > mostNamed ? "learned widths" : $"learned h = {string.Join(", ", widths)}";
    }
}
