using System.Text;
using System.Text.Json;

namespace TorchAttention.Files;

// A row is read again from its start where its bytes were not all there.
internal sealed partial class JsonSource
{
    // What the rows are in, and the first one.
    private void Open()
    {
        while (!TryOpen())
        {
            Fill();
        }

        if (!ReadRow(isFirst: true))
        {
            throw Wrong(1, "a row at least", "none");
        }

        _count = 1;
    }

    private bool TryOpen()
    {
        Utf8JsonReader reader = Reader();
        try
        {
            if (!reader.Read())
            {
                return _isFinal ? throw Wrong(null, Shape, "nothing") : false;
            }

            if (reader.TokenType == JsonTokenType.StartArray)
            {
                _isList = true;
                Advance(reader);
                return true;
            }

            if (reader.TokenType != JsonTokenType.StartObject)
            {
                throw Wrong(null, Shape, Kind(reader.TokenType));
            }

            if (!reader.Read())
            {
                return false;
            }

            if (reader.TokenType == JsonTokenType.PropertyName && reader.ValueTextEquals(Wrapper))
            {
                if (!reader.Read())
                {
                    return false;
                }

                if (reader.TokenType == JsonTokenType.StartArray)
                {
                    (_isList, _isWrapped) = (true, true);
                    Advance(reader);
                }
            }

            return true;
        }
        catch (JsonException e)
        {
            throw NotJson(1, e);
        }
    }

    private bool ReadRow(bool isFirst = false)
    {
        while (!_hasEnded)
        {
            if (TryReadRow(isFirst, out bool isThere))
            {
                return isThere;
            }

            Fill();
        }

        return false;
    }

    /// <returns>Whether there were bytes enough to know.</returns>
    private bool TryReadRow(bool isFirst, out bool isThere)
    {
        isThere = false;
        Utf8JsonReader reader = Reader();
        long row = _before + _count + 1;
        try
        {
            if (!reader.Read())
            {
                _hasEnded = _isFinal;
                return _isFinal;
            }

            if (_isList && reader.TokenType == JsonTokenType.EndArray)
            {
                return TryEnd(ref reader);
            }

            if (reader.TokenType != JsonTokenType.StartObject)
            {
                throw Wrong(row, "an object with the columns' names", Kind(reader.TokenType));
            }

            if (_count == _capacity)
            {
                Grow();
            }

            for (int place = 0; place < _values.Count; place++)
            {
                _values[place][_count] = double.NaN;
                _texts[place]?[_count] = null;
            }

            int next = 0;
            while (reader.Read())
            {
                if (reader.TokenType == JsonTokenType.EndObject)
                {
                    Advance(reader);
                    isThere = true;
                    return true;
                }

                int place = PlaceOf(ref reader, ref next, isFirst);
                if (!reader.Read() || !TryTake(ref reader, place))
                {
                    break;
                }
            }

            // The names are found once more when there is more.
            if (isFirst)
            {
                _names.Clear();
                _header.Clear();
                _values.Clear();
                _texts.Clear();
            }

            return _isFinal ? throw Wrong(row, Shape, "an end in the midst of a row") : false;
        }
        catch (JsonException e)
        {
            throw NotJson(row, e);
        }
    }

    // Behind the list comes nothing, but the end of what it is in.
    private bool TryEnd(ref Utf8JsonReader reader)
    {
        bool isThere = !_isWrapped || reader.Read();
        if (isThere && _isWrapped && reader.TokenType != JsonTokenType.EndObject)
        {
            throw Wrong(null, $"nothing beside \"{Wrapper}\"; options are parameters of the address", $"'{reader.GetString()}'");
        }

        if (isThere && reader.Read())
        {
            throw Wrong(null, "one list of rows", "more behind it");
        }

        if (!_isFinal)
        {
            return false;
        }

        _hasEnded = true;
        return isThere ? true : throw Wrong(null, Shape, "an end before that of the list");
    }

    private int PlaceOf(ref Utf8JsonReader reader, ref int next, bool isFirst)
    {
        if (isFirst)
        {
            string name = reader.GetString()!;
            _names.Add(Encoding.UTF8.GetBytes(name));
            _header.Add(name);
            double[] values = new double[_capacity];
            values[0] = double.NaN;
            _values.Add(values);
            _texts.Add(null);
            return _names.Count - 1;
        }

        // As a rule all rows have the same order.
        for (int i = 0; i < _names.Count; i++)
        {
            int place = (next + i) % _names.Count;
            if (reader.ValueTextEquals(_names[place]))
            {
                next = place + 1;
                return place;
            }
        }

        return -1;
    }

    /// <returns>Whether the value is there as a whole.</returns>
    private bool TryTake(ref Utf8JsonReader reader, int place)
    {
        JsonTokenType kind = reader.TokenType;
        if (kind is JsonTokenType.StartObject or JsonTokenType.StartArray && !reader.TrySkip())
        {
            return false;
        }

        if (place < 0 || kind == JsonTokenType.Null)
        {
            return true;
        }

        if (kind == JsonTokenType.Number)
        {
            _values[place][_count] = reader.TryGetDouble(out double number) ? number : double.PositiveInfinity;
            return true;
        }

        (_texts[place] ??= new string?[_capacity])[_count] = kind switch
        {
            JsonTokenType.String => reader.GetString(),
            JsonTokenType.True => "true",
            JsonTokenType.False => "false",
            JsonTokenType.StartArray => "[...]",
            _ => "{...}",
        };
        return true;
    }
}
