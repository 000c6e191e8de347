using TorchAttention.Numerics.Storage;

namespace TorchAttention.Numerics.OnePass;

/// <summary>A graph of operators that is written as an ONNX model. The numbers of fields are those of <c>onnx.proto</c>.</summary>
internal sealed class OnnxGraph
{
    // Of ONNX 1.12, from 2022: its Min, Max, Where and comparisons take float64.
    private const long IrVersion = 8;
    private const long OperatorSet = 17;

    private const long Int64 = 7;
    private const long Float64 = 11;

    private readonly ProtobufMessage _graph = new();
    private int _count;

    /// <summary>Begins a graph.</summary>
    /// <param name="name">What it is called.</param>
    public OnnxGraph(string name) => _graph.Add(2, name);

    /// <summary>Adds an input of float64.</summary>
    /// <param name="name">What it is called.</param>
    /// <param name="length">The name of its length.</param>
    public string Input(string name, string length)
    {
        _graph.Add(11, Value(name, length));
        return name;
    }

    /// <summary>Adds an output of float64.</summary>
    /// <param name="name">What it is called.</param>
    /// <param name="length">The name of its length.</param>
    /// <param name="value">What it is.</param>
    public void Output(string name, string length, string value)
    {
        Apply("Identity", name, [value]);
        _graph.Add(12, Value(name, length));
    }

    /// <summary>Adds a number.</summary>
    public string Number(double number) => Tensor(Float64, [], ProtobufMessage.BytesOf([number]));

    /// <summary>Adds a whole number.</summary>
    public string Whole(long number) => Tensor(Int64, [], ProtobufMessage.BytesOf([BitConverter.Int64BitsToDouble(number)]));

    /// <summary>Adds a row of numbers.</summary>
    public string Row(ReadOnlySpan<double> numbers) => Tensor(Float64, [numbers.Length], ProtobufMessage.BytesOf(numbers));

    /// <summary>Adds an operator without attributes, and names its result.</summary>
    public string Apply(string type, params ReadOnlySpan<string> inputs) => Apply(type, NextName(), inputs);

    /// <summary>The model.</summary>
    /// <param name="description">What it is, for people.</param>
    /// <param name="notes">What goes with it.</param>
    public ProtobufMessage Model(string description, IEnumerable<KeyValuePair<string, string>> notes)
    {
        ProtobufMessage model = new ProtobufMessage().Add(1, IrVersion).Add(2, "TorchAttention").Add(6, description).Add(7, _graph)
            .Add(8, new ProtobufMessage().Add(1, "").Add(2, OperatorSet));
        foreach ((string key, string value) in notes)
        {
            model.Add(14, new ProtobufMessage().Add(1, key).Add(2, value));
        }

        return model;
    }

    private static ProtobufMessage Value(string name, string length)
    {
        ProtobufMessage shape = new ProtobufMessage().Add(1, new ProtobufMessage().Add(2, length));
        ProtobufMessage tensor = new ProtobufMessage().Add(1, Float64).Add(2, shape);
        return new ProtobufMessage().Add(1, name).Add(2, new ProtobufMessage().Add(1, tensor));
    }

    private string Apply(string type, string name, ReadOnlySpan<string> inputs)
    {
        var node = new ProtobufMessage();
        foreach (string input in inputs)
        {
            node.Add(1, input);
        }

        _graph.Add(1, node.Add(2, name).Add(4, type));
        return name;
    }

    private string Tensor(long type, ReadOnlySpan<long> shape, byte[] bytes)
    {
        string name = NextName();
        var tensor = new ProtobufMessage();
        foreach (long length in shape)
        {
            tensor.Add(1, length);
        }

        _graph.Add(5, tensor.Add(2, type).Add(8, name).Add(9, bytes));
        return name;
    }

    private string NextName() => string.Create(CultureInfo.InvariantCulture, $"v{++_count}");
}
