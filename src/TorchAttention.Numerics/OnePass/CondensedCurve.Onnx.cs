using TorchAttention.Numerics.Storage;

namespace TorchAttention.Numerics.OnePass;

/// <content>The curve as an ONNX model.</content>
public sealed partial class CondensedCurve
{
    /// <summary>
    /// Writes the curve as an ONNX model of float64, which onnxruntime runs from C, C++, Java, Python and others: the mean
    /// <c>o + sum_k c_k T_k(t)</c> with k to 15, T_k Chebyshev's polynomials, t from -1 to 1 the place of x in its piece, and c the
    /// numbers of the piece.
    /// </summary>
    /// <remarks>
    /// Its input <c>x</c> is (n). Its outputs <c>mean</c> and <c>effective_neighbours</c> are (n), and what <see cref="Predict"/> says but
    /// for some roundings of the largest of the sum's terms: onnxruntime may round a product before it is added. The effective number
    /// is NaN beyond the pieces and in those that have no band. x may be infinite, which is beyond all pieces; NaN gives NaN. The
    /// standard error is <c>residual_standard_error</c> of the model's metadata, divided by the root of the effective number; the
    /// metadata have <c>bandwidth</c>, <c>bound</c>, <c>examples</c>, <c>least_x</c> and <c>most_x</c> too.
    /// </remarks>
    /// <param name="stream">Where the model goes.</param>
    /// <param name="notes">Text to keep in the metadata, such as the names of columns.</param>
    /// <exception cref="IOException">The stream cannot be written to.</exception>
    public void WriteOnnx(Stream stream, IReadOnlyDictionary<string, string>? notes = null)
    {
        ArgumentNullException.ThrowIfNull(stream);
        const string n = "n";
        var graph = new OnnxGraph(ModelName);
        string x = graph.Input("x", n);
        string place = graph.Apply("Mul", x, graph.Number(_inverse));
        string inside = graph.Apply("Min", graph.Apply("Max", place, graph.Number(_first)), graph.Number(_last));
        string piece = AddSearch(graph, inside);
        string fromStart = graph.Apply("Sub", inside, graph.Apply("Gather", graph.Row(_starts), piece));
        string scaled = graph.Apply("Mul", fromStart, graph.Apply("Gather", graph.Row(_scales), piece));
        string one = graph.Number(1);
        string t = graph.Apply("Min", graph.Apply("Sub", scaled, one), one);
        string twice = graph.Apply("Add", t, t);

        // Whatever a processor's Min and Max make of NaN.
        string nan = graph.Number(double.NaN);
        string mean = graph.Apply("Add", AddSum(piece => piece.Mean), graph.Number(_origin));
        graph.Output("mean", n, graph.Apply("Where", graph.Apply("Equal", x, x), mean, nan));
        string neighbours = AddSum(piece => piece.HasBand ? piece.Neighbours : [.. Enumerable.Repeat(double.NaN, K)]);
        graph.Output("effective_neighbours", n, graph.Apply("Where", graph.Apply("Equal", place, inside), neighbours, nan));
        stream.Write(graph.Model(ToString(), OnnxNotes(notes)).Content);

        // Clenshaw's recurrence.
        string AddSum(Func<Piece, double[]> numbers)
        {
            double[][] all = [.. _pieces.Select(numbers)];
            string last = Term(K - 1);
            string? before = null;
            for (int k = K - 2; k >= 0; k--)
            {
                string rest = before is null ? Term(k) : graph.Apply("Sub", Term(k), before);
                (last, before) = (graph.Apply("Add", graph.Apply("Mul", k > 0 ? twice : t, last), rest), last);
            }

            return last;

            string Term(int k) => graph.Apply("Gather", graph.Row([.. all.Select(one => one[k])]), piece);
        }
    }

    // The last piece that does not begin after the place, by halves: a comparison with all starts at once would need room for as many
    // numbers as queries times pieces, and a table of cells may be larger than all the rest.
    private string AddSearch(OnnxGraph graph, string place)
    {
        int length = (int)BitOperations.RoundUpToPowerOf2((uint)_starts.Length);
        string starts = graph.Row([.. _starts, .. Enumerable.Repeat(double.PositiveInfinity, length - _starts.Length)]);
        string piece = graph.Whole(0);
        for (int half = length / 2; half > 0; half /= 2)
        {
            string next = graph.Apply("Add", piece, graph.Whole(half));
            string isThere = graph.Apply("LessOrEqual", graph.Apply("Gather", starts, next), place);
            piece = graph.Apply("Where", isThere, next, piece);
        }

        return piece;
    }

    private Dictionary<string, string> OnnxNotes(IReadOnlyDictionary<string, string>? notes)
    {
        static string text(double number) => number.ToString("R", CultureInfo.InvariantCulture);
        var all = new Dictionary<string, string>
        {
            ["format"] = StoredModel.Format,
            ["model"] = ModelName,
            ["bandwidth"] = text(Bandwidth),
            ["bound"] = text(Bound),
            ["examples"] = Count.ToString(CultureInfo.InvariantCulture),
            ["least_x"] = text(LeastX),
            ["most_x"] = text(MostX),
            ["residual_standard_error"] = text(Diagnostics.ResidualStandardError[0]),
        };
        StoredModel.AddNotes(all, notes);

        return all;
    }
}
