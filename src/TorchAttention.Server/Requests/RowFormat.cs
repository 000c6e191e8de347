using TorchAttention.Server.Guards;

namespace TorchAttention.Server.Requests;

/// <summary>What rows are written in.</summary>
/// <param name="MediaType">Its name in a header.</param>
/// <param name="Ending">The ending of a file of it.</param>
internal sealed record RowFormat(string MediaType, string Ending)
{
    private const int MostAccepted = 32;

    public static RowFormat Csv { get; } = new("text/csv", ".csv");

    public static RowFormat Json { get; } = new("application/json", ".json");

    public static RowFormat Lines { get; } = new("application/x-ndjson", ".jsonl");

    /// <summary>What an answer says of itself.</summary>
    public string ContentType => this == Csv ? "text/csv; charset=utf-8" : MediaType;

    private static readonly RowFormat[] _all = [Csv, Json, Lines];

    /// <summary>The format of a body.</summary>
    /// <exception cref="RequestException">It is none, compressed, or in another encoding.</exception>
    public static RowFormat OfBody(HttpRequest request)
    {
        string given = request.ContentType ?? "";
        int end = given.IndexOf(';', StringComparison.Ordinal);
        string type = (end < 0 ? given : given[..end]).Trim();
        RowFormat? format = Array.Find(_all, one => one.MediaType.Equals(type, StringComparison.OrdinalIgnoreCase));
        if (format is null)
        {
            throw new RequestException(
                StatusCodes.Status415UnsupportedMediaType, $"Content-Type: expected {Names}, got '{PlainText.Brief(given)}'");
        }

        string? charset = end < 0 ? null : Parameter(given[(end + 1)..], "charset");
        if (charset is not null && !charset.Equals("utf-8", StringComparison.OrdinalIgnoreCase)
            && !charset.Equals("us-ascii", StringComparison.OrdinalIgnoreCase))
        {
            throw new RequestException(
                StatusCodes.Status415UnsupportedMediaType, $"Content-Type: expected text in UTF-8, got '{PlainText.Brief(charset)}'");
        }

        return request.Headers.ContentEncoding.Count == 0 ? format
            : throw new RequestException(
                StatusCodes.Status415UnsupportedMediaType,
                $"Content-Encoding: expected a body as it is, got '{PlainText.Brief(request.Headers.ContentEncoding.ToString())}'");
    }

    /// <summary>The format of an answer, by what is accepted; that of the body where all are.</summary>
    /// <exception cref="RequestException">None is accepted.</exception>
    public static RowFormat OfAnswer(HttpRequest request, RowFormat body)
    {
        string accept = request.Headers.Accept.ToString();
        if (accept.Length == 0 || accept == "*/*")
        {
            return body;
        }

        // The first of the largest weight.
        (RowFormat? Format, double Weight) best = (null, 0);
        foreach (string part in accept.Split(',', MostAccepted))
        {
            string[] type = part.Split(';', 2);
            string name = type[0].Trim();
            double weight = type.Length > 1 && Parameter(type[1], "q") is string q
                && double.TryParse(q, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) ? number : 1;
            RowFormat? format = name == "*/*" ? body
                : name == "text/*" ? Csv
                : name == "application/*" ? body == Csv ? Json : body
                : Array.Find(_all, one => one.MediaType.Equals(name, StringComparison.OrdinalIgnoreCase));
            best = format is not null && weight > best.Weight ? (format, weight) : best;
        }

        return best.Format ?? throw new RequestException(
            StatusCodes.Status406NotAcceptable, $"Accept: expected {Names}, got '{PlainText.Brief(accept)}'");
    }

    private static string Names => $"{string.Join(", ", _all.SkipLast(1).Select(one => one.MediaType))} or {_all[^1].MediaType}";

    private static string? Parameter(string parameters, string name)
    {
        foreach (string parameter in parameters.Split(';'))
        {
            string[] pair = parameter.Split('=', 2);
            if (pair.Length == 2 && pair[0].Trim().Equals(name, StringComparison.OrdinalIgnoreCase))
            {
                return pair[1].Trim().Trim('"');
            }
        }

        return null;
    }
}
