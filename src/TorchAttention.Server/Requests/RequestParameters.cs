using System.Collections.Concurrent;
using System.CommandLine.Help;
using Microsoft.Extensions.Primitives;

namespace TorchAttention.Server.Requests;

/// <summary>What a request asks of a model: the options of <c>predict</c> as parameters of the same names.</summary>
/// <param name="Request">For a model that was fitted.</param>
/// <param name="Shards">For shards; null for models.</param>
/// <param name="RefusedForTrained">What a model of <c>train</c> has no answer to; null where it has.</param>
/// <param name="Csv">How CSV is written.</param>
/// <param name="Keep">Columns that are carried along; null for none.</param>
/// <param name="IsStreamed">Whether the answer begins before all is read.</param>
internal sealed record RequestParameters(
    PredictionRequest Request, ShardAsked? Shards, CliException? RefusedForTrained, CsvOptions Csv, string? Keep, bool IsStreamed)
{
    /// <summary>Reads parameters; those of earlier requests are known.</summary>
    internal sealed class Reader
    {
        private const int MostKnown = 256;

        private readonly PredictOptions _options = new();
        private readonly Option<bool> _stream = Options.Flag("--stream", "Begin to answer before all is read");
        private readonly ShardRequestOptions _ofShards = new();
        private readonly RootCommand _command = new();
        private readonly ShardModel? _shards;
        private readonly ConcurrentDictionary<string, RequestParameters> _known = new(StringComparer.Ordinal);

        /// <param name="shards">The shards that are asked; null for models.</param>
        public Reader(ShardModel? shards)
        {
            _shards = shards;
            _options.AddTo(_command);
            if (shards is not null)
            {
                _ofShards.AddTo(_command);
            }

            _command.Add(_stream);
            _command.Directives.Clear();
        }

        /// <summary>The parameters' names and what they are.</summary>
        public IEnumerable<(string Name, string Description)> All => Own.Select(one => (one.Name[2..], one.Description ?? ""));

        private IEnumerable<Option> Own => _command.Options.Where(one => one is not (HelpOption or VersionOption));

        /// <exception cref="CliException">One is unknown or wrong.</exception>
        public RequestParameters Read(HttpRequest request)
        {
            string text = request.QueryString.Value ?? "";
            if (_known.TryGetValue(text, out RequestParameters? known))
            {
                return known;
            }

            RequestParameters read = Parse(request.Query);
            if (_known.Count < MostKnown)
            {
                _known[text] = read;
            }

            return read;
        }

        private RequestParameters Parse(IQueryCollection query)
        {
            List<string> args = [];
            foreach ((string name, StringValues values) in query)
            {
                string option = $"--{name}";
                if (!Own.Any(one => one.Name == option))
                {
                    IEnumerable<string> names = All.Select(one => one.Name);
                    throw CliException.WrongInput(
                        $"no parameter '{PlainText.Brief(name)}'{PlainText.DidYouMean(name, names)}; there are {string.Join(", ", names)}");
                }

                if (values.Count != 1)
                {
                    throw CliException.WrongInput($"{option}: expected once, got {values.Count} times");
                }

                bool isFlag = Own.Single(one => one.Name == option) is Option<bool>;
                args.Add(values[0] is { Length: > 0 } value ? $"{option}={value}"
                    : isFlag ? option
                    : throw CliException.WrongInput($"{option}: expected a value, got ''"));
            }

            ParseResult parsed = _command.Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
            if (parsed.Errors.Count > 0)
            {
                throw CliException.WrongInput(parsed.Errors[0].Message);
            }

            PredictionRequest request = _options.Read(parsed);
            ShardAsked? ofShards = null;
            if (_shards is not null)
            {
                request = new PredictionRequest { Options = _options.ReadForShards(parsed, _ofShards.HasSigma(parsed)) };
                ofShards = _ofShards.Read(parsed, _shards.Names, _shards.Manifest.Columns, request.Options.HasSlopes);
                if (ofShards.Sigma is { Given: null })
                {
                    throw CliException.WrongInput(
                        $"{ShardSigma.Name}: expected numbers, as predict {ShardSigma.Name} {ShardSigma.All} says them, got "
                            + ShardSigma.All);
                }
            }

            return new RequestParameters(
                request, ofShards, RefusalForTrained(parsed), _options.Csv(parsed), _options.Keep(parsed), parsed.GetValue(_stream));
        }

        private CliException? RefusalForTrained(ParseResult parsed)
        {
            try
            {
                _options.RefuseForTrained(parsed);
                return null;
            }
            catch (CliException e)
            {
                return e;
            }
        }
    }
}
