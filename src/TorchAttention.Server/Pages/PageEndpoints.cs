using System.Runtime.CompilerServices;
using System.Threading.RateLimiting;
using TorchAttention.Cli.Page;
using TorchAttention.Numerics;
using TorchAttention.Numerics.OnePass.Boxes;
using TorchAttention.Server.Guards;
using TorchAttention.Server.Models;
using TorchAttention.Server.Requests;

namespace TorchAttention.Server.Pages;

/// <summary>The pages on which a model moves, and what their scripts ask.</summary>
/// <param name="models">The models.</param>
/// <param name="admission">Who computes at once.</param>
/// <param name="data">Where the rows of the only model came from; null where nobody knows.</param>
internal sealed class PageEndpoints(ModelStore models, Admission admission, string? data)
{
    // What a page sends: settings, and the numbers of rows that were clicked away.
    private const int MostBytes = 1 << 20;

    private readonly ConditionalWeakTable<ServedModel, LivePage?> _pages = [];

    /// <summary>Maps them.</summary>
    /// <param name="map">Adds an endpoint: its method, its path, its work.</param>
    public void Map(Action<string, string, RequestDelegate> map)
    {
        map("GET", "/", FirstAsync);
        map("GET", "/page/{name}", context => HtmlAsync(context, PageOf(context)));
        map("GET", "/page/{name}/curves/{number:int}", context => JsonAnswer.WriteAsync(
            context, json => CurveOf(PageOf(context), NumberOf(context)).WriteTo(json, isAlone: false)));
        map("POST", "/page/{name}/curve", context => AskAsync(context, (curve, settings) => JsonAnswer.WriteAsync(
            context, json => curve.WriteAnswer(json, settings))));
        map("POST", "/page/{name}/search", context => AskAsync(context, (curve, settings) => JsonAnswer.WriteAsync(
            context, json => curve.WriteSearch(json, settings))));
        map("POST", "/page/{name}/model", context => AskAsync(context, (curve, settings) => ModelAsync(context, curve, settings)));
    }

    // The page of the only model, or a list of them.
    private Task FirstAsync(HttpContext context)
    {
        string[] names = [.. models.Names];
        if (names.Length == 1)
        {
            return HtmlAsync(context, PageOf(context, names[0]));
        }

        static string text(string name) => System.Net.WebUtility.HtmlEncode(PlainText.Escape(name));
        IEnumerable<string> links = names.Select(name => $"<li><a href=\"/page/{Uri.EscapeDataString(name)}\">{text(name)}</a></li>");
        return HtmlAsync(context, PageParts.Document("Models", $"<h1>Models</h1><ul>{string.Concat(links)}</ul>"));
    }

    private static Task HtmlAsync(HttpContext context, (string Name, LivePage Page) of) =>
        HtmlAsync(context, of.Page.Document($"/page/{Uri.EscapeDataString(of.Name)}"));

    /// <summary>Answers with a page.</summary>
    public static Task HtmlAsync(HttpContext context, string page)
    {
        context.Response.ContentType = "text/html; charset=utf-8";

        // Nothing that a column is called, or a file says, can fetch or run anything.
        context.Response.Headers.ContentSecurityPolicy =
            "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; img-src data: blob:; "
                + "frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
        context.Response.Headers.CacheControl = "no-store";
        return context.Response.WriteAsync(page);
    }

    private (string Name, LivePage Page) PageOf(HttpContext context, string? name = null)
    {
        name ??= (string)context.Request.RouteValues["name"]!;
        ServedModel model = models.Find(name)
            ?? throw new RequestException(
                StatusCodes.Status404NotFound,
                $"expected one of the models {PlainText.List([.. models.Names])}, got '{PlainText.Brief(name)}'");
        LivePage? page;
        try
        {
            page = _pages.GetValue(model, it =>
                it.Shards is not null ? ShardCurve.PageOf(it.Shards, name, data!)
                : it.Fitted is null ? null
                : LivePage.Of(it.Fitted, name, data));
        }
        catch (RegressionDataException e)
        {
            // Shards can be of rows that no bandwidth is found by.
            throw new RequestException(
                StatusCodes.Status404NotFound,
                $"'{PlainText.Brief(name)}' has no page: {e.Message} Its predictions are at /v1/models/{name}/predict");
        }

        return page is not null ? (name, page)
            : throw new RequestException(
                StatusCodes.Status404NotFound,
                $"'{PlainText.Brief(name)}' has no page: expected a model that keeps its rows, which are numbers, dates or durations, "
                    + $"or shards of at most {BoxGrid.MostFeatures} features; its predictions are at /v1/models/{name}/predict");
    }

    private static LiveCurve CurveOf((string Name, LivePage Page) of, int number) =>
        number >= 0 && number < of.Page.Curves.Count ? of.Page.Curves[number]
            : throw new RequestException(
                StatusCodes.Status404NotFound, $"expected a curve from 0 to {of.Page.Curves.Count - 1}, got {number}");

    private static int NumberOf(HttpContext context) =>
        int.Parse((string)context.Request.RouteValues["number"]!, CultureInfo.InvariantCulture);

    private async Task AskAsync(HttpContext context, Func<LiveCurve, LiveSettings, Task> answer)
    {
        (string Name, LivePage Page) of = PageOf(context);
        if (!context.Request.HasJsonContentType())
        {
            throw new RequestException(
                StatusCodes.Status415UnsupportedMediaType, $"expected application/json, got '{context.Request.ContentType}'");
        }

        if (context.Request.ContentLength is not <= MostBytes)
        {
            throw new RequestException(
                StatusCodes.Status413PayloadTooLarge, $"expected settings of at most {MostBytes} bytes and said to be");
        }

        try
        {
            using JsonDocument document = await JsonDocument.ParseAsync(context.Request.Body, default, context.RequestAborted);
            var asked = new AskedSettings(document.RootElement);
            LiveCurve curve = CurveOf(of, asked.Curve);
            LiveSettings set = asked.For(curve);
            using RateLimitLease lease = await admission.EnterAsync(context.RequestAborted);
            await answer(curve, set);
        }
        catch (JsonException e)
        {
            throw new RequestException(StatusCodes.Status400BadRequest, $"expected JSON, got none: {e.Message}");
        }
        catch (Exception e) when (e is ArgumentException or RegressionDataException)
        {
            throw new RequestException(StatusCodes.Status400BadRequest, e.Message);
        }
    }

    private static async Task ModelAsync(HttpContext context, LiveCurve curve, LiveSettings settings)
    {
        string file = Path.Combine(Path.GetTempPath(), $"{Path.GetRandomFileName()}.safetensors");
        try
        {
            curve.Save(file, settings);
            context.Response.ContentType = "application/octet-stream";
            await context.Response.SendFileAsync(file, context.RequestAborted);
        }
        finally
        {
            File.Delete(file);
        }
    }
}
