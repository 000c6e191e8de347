using System.Text;
using System.Text.Encodings.Web;
using TorchAttention.Cli.Output;
using TorchAttention.Cli.Regression;
using TorchAttention.Numerics.Kernels;
using TorchAttention.Numerics.Regression;
using TorchAttention.Numerics.Regression.Intervals;

namespace TorchAttention.Cli.Page;

/// <summary>
/// A fit that moves: curve, band, residuals, attention and the search follow the bandwidth, in a page of its own or in a run's report.
/// </summary>
internal sealed class LivePage
{
    // A file has the largest groups; a server has them all.
    private const int MostCurvesInFile = 50;

    private readonly ModelNotes _names;
    private readonly string _name;
    private readonly string? _data;
    private readonly string _about;

    /// <param name="curves">The curves.</param>
    /// <param name="names">What the columns are called.</param>
    /// <param name="name">What the model is called.</param>
    /// <param name="data">Where its rows came from; null where nobody knows.</param>
    /// <param name="about">What tells curves from each other.</param>
    public LivePage(IReadOnlyList<LiveCurve> curves, ModelNotes names, string name, string? data, string about) =>
        (Curves, _names, _name, _data, _about) = (curves, names, name, data, about);

    /// <summary>The curves; one unless the fit is of groups, several columns or classes.</summary>
    public IReadOnlyList<LiveCurve> Curves { get; }

    /// <summary>The page of a model; null for one that keeps no rows to fit, has categories, robust iterations or counted rows.</summary>
    /// <param name="fitted">The model.</param>
    /// <param name="name">What it is called.</param>
    /// <param name="data">Where its rows came from; null where nobody knows.</param>
    public static LivePage? Of(FittedModel fitted, string name, string? data)
    {
        if (PictureOptions.IsRobust(fitted.Model) || fitted.Model is KernelRegression { Options.WeightsAre: WeightMeaning.Frequencies })
        {
            return null;
        }

        ModelNotes names = fitted.Names;
        Dictionary<string, string> notesOf(string target) => ModelNotes.Create(names.Features, target, names.Kinds);
        if (fitted.Groups is { } groups)
        {
            IEnumerable<string> largest = groups.Groups.OrderByDescending(group => groups[group].Count);
            return new LivePage(
                [.. largest.Select(group => new LiveCurve(groups[group], group, 0, notesOf(names.Target)))], names, name, data,
                fitted.Columns.By!);
        }

        if (fitted.Model is not KernelRegression model)
        {
            return null;
        }

        IReadOnlyList<string> labels = model.Classes.Count > 0 ? model.Classes
            : model.Columns == 1 ? [""] : names.TargetsOf(model.Columns);
        return new LivePage(
            [.. labels.Select((label, c) => new LiveCurve(model, label, c, notesOf(label.Length > 0 ? label : names.Target)))], names, name,
            data, model.Classes.Count > 0 ? "class" : "column");
    }

    /// <summary>Writes all that the page's scripts begin with.</summary>
    /// <param name="json">Where.</param>
    /// <param name="server">Where the server answers; null where there is none.</param>
    public void WriteTo(Utf8JsonWriter json, string? server)
    {
        json.WriteString("name", _name);
        json.WriteString("data", _data);
        json.WriteString("server", server);
        json.WriteString("target", _names.Target);
        json.WriteString("about", _about);
        json.WriteObjects("features", _names.Features.Index(), feature =>
        {
            json.WriteString("name", feature.Item);
            json.WriteString("kind", Options.Name(_names.Kinds[feature.Index]));
        });
        json.WriteObjects("kernels", SmoothingKernel.All, kernel =>
        {
            json.WriteString("name", kernel.Name);
            json.WriteNumbers("powers", kernel.Call<Powers, double[]>(default));
        });
        json.WriteLists("corrections", Enumerable.Range(0, KernelRegressionOptions.MostDegree + 1)
            .Select(BiasCorrection.Of).Select(of => (double[])[of.Degree, of.Times, of.Ridge]));
        json.WriteNumber("mostRows", LiveCurve.MostRows);
        json.WriteNumber("curvesInAll", Curves.Count);
        json.WriteStrings("labels", Curves.Select(curve => curve.Label));
        json.WriteObjects(
            "curves", server is null ? Curves.Take(MostCurvesInFile) : Curves.Take(1), curve => curve.WriteTo(json, server is null));
    }

    /// <summary>The part of a page that moves, with its data and scripts; nothing beside it is needed.</summary>
    /// <param name="server">Where the server answers; null where there is none.</param>
    public string Section(string? server)
    {
        var text = new StringBuilder(PageParts.Text("live.html"));
        text.Append("<script type=\"application/json\" id=\"live-data\">");
        return text.Append(Data(server)).Append("</script>\n")
            .Append(PageParts.Scripts("uPlot.iife.min.js", "pooling.js", "training.js", "charts.js", "live.js")).ToString();
    }

    /// <summary>A page of its own.</summary>
    /// <param name="server">Where the server answers; null where there is none.</param>
    public string Document(string? server) => PageParts.Document(_name, Section(server));

    // Its letters beyond ASCII and those of markup are escaped by the encoder: nothing in it ends the element that it is in.
    private string Data(string? server)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Encoder = JavaScriptEncoder.Default }))
        {
            json.WriteStartObject();
            WriteTo(json, server);
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(stream.GetBuffer(), 0, (int)stream.Length);
    }

    private readonly struct Powers : IKernelCall<double[]>
    {
        public double[] Run<TKernel>()
            where TKernel : IKernel => TKernel.Polynomial.ToArray();
    }
}
