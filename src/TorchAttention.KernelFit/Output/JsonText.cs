using System.Text;

namespace TorchAttention.Cli.Output;

/// <summary>JSON as the commands print and write it: indented, and null for what is no finite number.</summary>
internal static class JsonText
{
    /// <summary>Prints an object, whose text has no letters but ASCII's.</summary>
    public static void Print(Action<Utf8JsonWriter> write) => Console.Write(Format(write) + Environment.NewLine);

    /// <summary>An object's text.</summary>
    public static string Format(Action<Utf8JsonWriter> write)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true }))
        {
            writer.WriteStartObject();
            write(writer);
            writer.WriteEndObject();
        }

        return Encoding.UTF8.GetString(stream.GetBuffer(), 0, (int)stream.Length);
    }

    extension(Utf8JsonWriter json)
    {
        /// <summary>A number, null where it is none or not finite.</summary>
        public void WriteNumberOrNull(string name, double? value)
        {
            json.WritePropertyName(name);
            json.WriteNumberOrNullValue(value);
        }

        public void WriteStrings(string name, IEnumerable<string> texts) => json.WriteArray(name, texts, json.WriteStringValue);

        public void WriteNumbers(string name, IEnumerable<double> numbers)
        {
            json.WritePropertyName(name);
            json.WriteList(numbers);
        }

        /// <summary>Pairs of numbers, each a list of two.</summary>
        public void WritePairs(string name, IEnumerable<(double Least, double Most)> pairs) =>
            json.WriteLists(name, pairs.Select(pair => (double[])[pair.Least, pair.Most]));

        /// <summary>Lists of numbers.</summary>
        public void WriteLists(string name, IEnumerable<IEnumerable<double>> lists) => json.WriteArray(name, lists, json.WriteList);

        /// <summary>A list, each item written by a method of the writer.</summary>
        public void WriteArray<T>(string name, IEnumerable<T> items, Action<T> write)
        {
            json.WriteStartArray(name);
            foreach (T item in items)
            {
                write(item);
            }

            json.WriteEndArray();
        }

        /// <summary>An object within.</summary>
        public void WriteObject(string name, Action write)
        {
            json.WriteStartObject(name);
            write();
            json.WriteEndObject();
        }

        /// <summary>A list of objects.</summary>
        public void WriteObjects<T>(string name, IEnumerable<T> items, Action<T> write) => json.WriteArray(name, items, item =>
        {
            json.WriteStartObject();
            write(item);
            json.WriteEndObject();
        });

        private void WriteList(IEnumerable<double> numbers)
        {
            json.WriteStartArray();
            foreach (double number in numbers)
            {
                json.WriteNumberOrNullValue(number);
            }

            json.WriteEndArray();
        }

        private void WriteNumberOrNullValue(double? value)
        {
            if (value is double number && double.IsFinite(number))
            {
                json.WriteNumberValue(number);
            }
            else
            {
                json.WriteNullValue();
            }
        }
    }
}
