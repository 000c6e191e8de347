using TorchSharp.Modules;

namespace TorchAttention.Training;

/// <summary>
/// Limited-memory BFGS (J. Nocedal, 1980) with the steps and the ends of PyTorch's, in float64 whatever the parameters are of. It asks for
/// the loss several times in a step, and its memory of past gradients can be saved.
/// </summary>
/// <remarks>
/// Without a line search a step of the given length is taken, PyTorch's default. With one, ours, the length is halved until the loss falls
/// by a part of what the slope promises (L. Armijo, 1966); where it does not fall at all, the parameters stay.
/// </remarks>
public sealed class Lbfgs : OptimizerHelper, IResumableOptimizer
{
    private const double GradientTolerance = 1e-7;
    private const double ChangeTolerance = 1e-9;
    private const double LeastCurvature = 1e-10;
    private const double SufficientDecrease = 1e-4;
    private const int MostHalvings = 30;

    private readonly Parameter[] _parameters;
    private readonly int _maxIterations;
    private readonly int _historySize;
    private readonly bool _lineSearch;
    private readonly List<(double[] Y, double[] S)> _history = [];
    private double[] _direction = [];
    private double[] _lastGradient = [];
    private double _length;
    private double _scale = 1;
    private long _iterations;

    /// <summary>Creates the optimiser.</summary>
    /// <param name="parameters">What it moves.</param>
    /// <param name="learningRate">The length of a step, or of the longest one that a line search tries; positive, 1 by default.</param>
    /// <param name="maxIterations">Moves in one step, at least 1.</param>
    /// <param name="historySize">Past moves to remember, at least 1.</param>
    /// <param name="lineSearch">Whether a move is shortened until the loss falls.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is out of its range.</exception>
    public Lbfgs(
        IEnumerable<Parameter> parameters, double learningRate = 1, int maxIterations = 20, int historySize = 100, bool lineSearch = true)
    {
        _parameters = [.. parameters];
        _maxIterations = Guard.AtLeast(maxIterations, 1);
        _historySize = Guard.AtLeast(historySize, 1);
        _lineSearch = lineSearch;
        Guard.Positive(learningRate);
        _defaults = new TorchSharp.Modules.OptimizerOptions { LearningRate = learningRate, InitialLearningRate = learningRate };
        _parameter_groups = [new ParamGroup { Parameters = _parameters, Options = _defaults }];
    }

    internal static ArgumentException TakesOneBatch(int got) => new(
        $"Expected one mini-batch in a step of {nameof(Lbfgs)}, which asks for the loss several times, got {got} "
            + $"({nameof(TrainerOptions.AccumulateBatches)}); larger mini-batches do the same.");

    private double LearningRate => _parameter_groups[0].LearningRate;

    /// <summary>One step: up to <c>maxIterations</c> moves.</summary>
    /// <param name="closure">Clears the gradients, computes the loss and its gradients, and returns it.</param>
    /// <returns>The loss before the step.</returns>
    public override Tensor step(Func<Tensor>? closure = null)
    {
        ArgumentNullException.ThrowIfNull(closure);
        Tensor first = Evaluate(closure);
        double loss = first.ToDouble();
        double[] gradient = Gradient();
        int evaluations = 1;
        for (int move = 1; move <= _maxIterations && Largest(gradient) > GradientTolerance; move++)
        {
            Aim(gradient);
            _length = _iterations == 1 ? Math.Min(1, 1 / gradient.Sum(Math.Abs)) * LearningRate : LearningRate;
            double slope = Dot(gradient, _direction);
            (double before, _lastGradient) = (loss, gradient);
            if (!(slope <= -ChangeTolerance))
            {
                break;
            }

            if (_lineSearch)
            {
                (double found, int asked) = Shorten(closure, loss, slope);
                loss = found;
                evaluations += asked;
            }
            else
            {
                Move(_length);
                if (move == _maxIterations)
                {
                    break;
                }

                loss = Ask(closure);
                evaluations++;
            }

            gradient = Gradient();
            if (evaluations >= _maxIterations * 5 / 4 || _length * Largest(_direction) <= ChangeTolerance
                || Math.Abs(loss - before) < ChangeTolerance)
            {
                break;
            }
        }

        return first;
    }

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, double[]> SaveState()
    {
        var state = new Dictionary<string, double[]>
        {
            ["direction"] = _direction,
            ["last_gradient"] = _lastGradient,
            ["numbers"] = [_length, _scale, _iterations, _history.Count],
        };
        for (int i = 0; i < _history.Count; i++)
        {
            (state[$"y_{i}"], state[$"s_{i}"]) = _history[i];
        }

        return state;
    }

    /// <inheritdoc/>
    public void LoadState(IReadOnlyDictionary<string, double[]> state)
    {
        ArgumentNullException.ThrowIfNull(state);
        double[] numbers = state["numbers"];
        (_length, _scale, _iterations) = (numbers[0], numbers[1], (long)numbers[2]);
        (_direction, _lastGradient) = (state["direction"], state["last_gradient"]);
        _history.Clear();
        _history.AddRange(Enumerable.Range(0, (int)numbers[3]).Select(i => (state[$"y_{i}"], state[$"s_{i}"])));
    }

    // The two loops over the history that multiply the gradient by the inverse of what is known of the curvature.
    private void Aim(double[] gradient)
    {
        _iterations++;
        if (_iterations > 1)
        {
            double[] y = [.. gradient.Zip(_lastGradient, (now, then) => now - then)];
            double[] s = [.. _direction.Select(d => d * _length)];
            double ys = Dot(y, s);
            if (ys > LeastCurvature)
            {
                if (_history.Count == _historySize)
                {
                    _history.RemoveAt(0);
                }

                _history.Add((y, s));
                _scale = ys / Dot(y, y);
            }
        }

        _direction = [.. gradient.Select(g => -g)];
        double[] alpha = new double[_history.Count];
        for (int i = _history.Count - 1; i >= 0; i--)
        {
            alpha[i] = Dot(_history[i].S, _direction) / Dot(_history[i].Y, _history[i].S);
            Add(_direction, _history[i].Y, -alpha[i]);
        }

        for (int j = 0; j < _direction.Length; j++)
        {
            _direction[j] *= _scale;
        }

        for (int i = 0; i < _history.Count; i++)
        {
            double beta = Dot(_history[i].Y, _direction) / Dot(_history[i].Y, _history[i].S);
            Add(_direction, _history[i].S, alpha[i] - beta);
        }
    }

    private (double Loss, int Evaluations) Shorten(Func<Tensor> closure, double loss, double slope)
    {
        Tensor[] start = [.. _parameters.Select(parameter => parameter.CloneWithoutGraph())];
        try
        {
            for (int asked = 1; asked <= MostHalvings; asked++)
            {
                Move(_length);
                double there = Ask(closure);
                if (there <= loss + (SufficientDecrease * _length * slope))
                {
                    return (there, asked);
                }

                Return(start);
                _length /= 2;
            }

            _length = 0;
            return (Ask(closure), MostHalvings + 1);
        }
        finally
        {
            Array.ForEach(start, tensor => tensor.Dispose());
        }
    }

    private void Move(double length)
    {
        using IDisposable noGradients = no_grad();
        using DisposeScope scope = NewDisposeScope();
        int at = 0;
        foreach (Parameter parameter in _parameters)
        {
            int count = (int)parameter.numel();
            double[] move = [.. _direction.Skip(at).Take(count).Select(d => d * length)];
            parameter.add_(tensor(move, parameter.shape, ScalarType.Float64).to(parameter.dtype, parameter.device), Held.One);
            at += count;
        }
    }

    private void Return(Tensor[] start)
    {
        using IDisposable noGradients = no_grad();
        using DisposeScope scope = NewDisposeScope();
        for (int i = 0; i < start.Length; i++)
        {
            _parameters[i].copy_(start[i]);
        }
    }

    private static double Ask(Func<Tensor> closure)
    {
        using Tensor loss = Evaluate(closure);
        return loss.ToDouble();
    }

    private static Tensor Evaluate(Func<Tensor> closure)
    {
        using IDisposable gradients = enable_grad();
        return closure();
    }

    private double[] Gradient()
    {
        var gradient = new List<double>();
        foreach (Parameter parameter in _parameters)
        {
            using Tensor? part = parameter.grad;
            gradient.AddRange(part is null ? new double[parameter.numel()] : part.ToDoubles());
        }

        return [.. gradient];
    }

    private static double Largest(double[] numbers) => numbers.Length == 0 ? 0 : numbers.Max(Math.Abs);

    private static double Dot(double[] a, double[] b)
    {
        double sum = 0;
        for (int i = 0; i < a.Length; i++)
        {
            sum += a[i] * b[i];
        }

        return sum;
    }

    private static void Add(double[] to, double[] what, double times)
    {
        for (int i = 0; i < to.Length; i++)
        {
            to[i] += times * what[i];
        }
    }
}
