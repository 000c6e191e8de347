namespace TorchAttention.Server.Metrics;

/// <summary>The option that says where traces and metrics are sent to.</summary>
internal sealed class TelemetryOptions
{
    /// <summary>OpenTelemetry's own variable, which does as well.</summary>
    public const string Variable = "OTEL_EXPORTER_OTLP_ENDPOINT";

    private const string Name = "--otlp";

    private readonly Option<string?> _collector = Options.Text(
        Name, "address", $"A collector that traces and metrics are sent to, such as http://localhost:4318 (default: {Variable}, or none)");

    /// <summary>The option.</summary>
    public Option Option => _collector;

    /// <summary>Begins to send; null where nobody is told.</summary>
    /// <exception cref="CliException">The address is none.</exception>
    public IDisposable? Start(ParseResult parsed) =>
        parsed.GetValue(_collector) is string text ? Begin(AddressOf(Name, text))
        : Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } standard && AddressOf(Variable, standard).IsAbsoluteUri
            ? Begin(null)
        : null;

    // What it names is loaded when it is called.
    private static Telemetry Begin(Uri? collector) => new(collector);

    private static Uri AddressOf(string name, string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out Uri? address) && address.Scheme is "http" or "https" ? address
            : throw CliException.WrongInput($"{name}: expected an address such as http://localhost:4318, got '{PlainText.Brief(text)}'");
}
