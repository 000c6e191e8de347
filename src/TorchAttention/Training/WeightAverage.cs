using TorchSharp.Modules;

namespace TorchAttention.Training;

/// <summary>
/// An exponential moving average of a module's parameters, as PyTorch's <c>AveragedModel</c> with <c>get_ema_multi_avg_fn</c>: after the
/// first step the parameters, after each other <c>a + (1 - decay) (p - a)</c>.
/// </summary>
/// <param name="parameters">The parameters.</param>
/// <param name="decay">How much of the average stays at a step, more than 0 and below 1.</param>
internal sealed class WeightAverage(IReadOnlyList<(string Name, Parameter Parameter)> parameters, double decay) : IDisposable
{
    private bool _isInPlace;

    public double Decay => decay;

    /// <summary>The averages, one for each parameter; nothing before the first step.</summary>
    public IReadOnlyList<Tensor> Averages { get; private set; } = [];

    /// <summary>Takes in the parameters after a step.</summary>
    public void Add()
    {
        if (Averages.Count == 0)
        {
            Begin();
            return;
        }

        using IDisposable noGradients = no_grad();
        using Scalar weight = 1 - decay;
        for (int i = 0; i < Averages.Count; i++)
        {
            using Tensor way = parameters[i].Parameter.sub(Averages[i]);
            Averages[i].add_(way, weight);
        }
    }

    /// <summary>Begins with the parameters as they are.</summary>
    public void Begin() => Averages = [.. parameters.Select(pair => pair.Parameter.CloneWithoutGraph().DetachFromDisposeScope())];

    /// <summary>Puts the averages in the place of the parameters, until what it returns is disposed.</summary>
    public IDisposable PutInPlace() => new Exchange(this, isInPlace: true);

    /// <summary>Puts the parameters where they belong, until what it returns is disposed.</summary>
    public IDisposable PutAside() => new Exchange(this, isInPlace: false);

    public void Dispose()
    {
        foreach (Tensor average in Averages)
        {
            average.Dispose();
        }
    }

    private void Place(bool isInPlace)
    {
        if (_isInPlace == isInPlace)
        {
            return;
        }

        _isInPlace = isInPlace;
        using IDisposable noGradients = no_grad();
        for (int i = 0; i < Averages.Count; i++)
        {
            using Tensor kept = Averages[i].clone();
            Averages[i].copy_(parameters[i].Parameter);
            parameters[i].Parameter.copy_(kept);
        }
    }

    private sealed class Exchange : IDisposable
    {
        private readonly WeightAverage _average;
        private readonly bool _before;

        public Exchange(WeightAverage average, bool isInPlace)
        {
            (_average, _before) = (average, average._isInPlace);
            average.Place(isInPlace);
        }

        public void Dispose() => _average.Place(_before);
    }
}
