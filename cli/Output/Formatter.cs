using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Granary.Cli.Output;

/// <summary>A way to write answers: <c>--formatter</c>.</summary>
internal abstract class Formatter
{
    private static readonly JsonSerializerOptions Relaxed = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>For programs: nothing but the answer is written.</summary>
    public virtual bool IsForPrograms => false;

    /// <summary>Null: there is none of that name.</summary>
    public static Formatter? Find(string name) => name switch
    {
        "table" => new TableFormatter(),
        "json" => new JsonFormatter(),
        "csv" => new CsvFormatter(),
        "erlang" => new ErlangFormatter(),
        "pretty_table" => new PrettyTableFormatter(),
        _ => null,
    };

    /// <param name="withHeader">The names of the columns stand first, where the form has a place for them.</param>
    public void Write(TextWriter output, Answer answer, bool withHeader)
    {
        switch (answer)
        {
            case RowsAnswer rows:
                WriteRows(output, rows, withHeader && rows.HasHeader);
                break;
            case TextAnswer text:
                WriteText(output, text);
                break;
        }
    }

    protected abstract void WriteRows(TextWriter output, RowsAnswer answer, bool withHeader);

    protected virtual void WriteText(TextWriter output, TextAnswer answer)
    {
        if (answer.Text is { } text)
        {
            output.WriteLine(text);
        }
    }

    protected static string ToJson(JsonNode? value) => value?.ToJsonString(Relaxed) ?? "null";

    private sealed class TableFormatter : Formatter
    {
        protected override void WriteRows(TextWriter output, RowsAnswer answer, bool withHeader)
        {
            if (answer.Rows.Count == 0 && answer.ShowsNothing)
            {
                output.WriteLine();
            }
            else if (answer.Rows.Count > 0 && withHeader)
            {
                output.WriteLine(string.Join('\t', answer.Columns));
            }

            foreach (var row in answer.Rows)
            {
                // As rabbitmqctl does it, text stands there as it is, for scripts give back to other commands what they read.
                output.WriteLine(string.Join('\t', row.Select(Terms.Cell)));
            }
        }
    }

    private sealed class JsonFormatter : Formatter
    {
        public override bool IsForPrograms => true;

        protected override void WriteRows(TextWriter output, RowsAnswer answer, bool withHeader)
        {
            output.WriteLine('[');
            for (var i = 0; i < answer.Rows.Count; i++)
            {
                var item = new JsonObject();
                for (var column = 0; column < answer.Columns.Count; column++)
                {
                    item[answer.Columns[column]] = Terms.Json(answer.Rows[i][column]);
                }

                output.WriteLine((i > 0 ? "," : "") + ToJson(item));
            }

            output.WriteLine(']');
        }

        protected override void WriteText(TextWriter output, TextAnswer answer)
        {
            if (answer.Json is not null || answer.Text is not null)
            {
                output.WriteLine(ToJson(answer.Json ?? new JsonObject { ["message"] = answer.Text }));
            }
        }
    }

    private sealed class CsvFormatter : Formatter
    {
        public override bool IsForPrograms => true;

        protected override void WriteRows(TextWriter output, RowsAnswer answer, bool withHeader)
        {
            if (answer.Rows.Count > 0 && withHeader)
            {
                output.WriteLine(string.Join(',', answer.Columns.Select(Quote)));
            }

            foreach (var row in answer.Rows)
            {
                output.WriteLine(string.Join(',', row.Select(value => Quote(Terms.Cell(value)))));
            }
        }

        private static string Quote(string text) => $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
    }

    private sealed class ErlangFormatter : Formatter
    {
        protected override void WriteRows(TextWriter output, RowsAnswer answer, bool withHeader)
        {
            var rows = answer.Rows.Select(row =>
                $"[{string.Join(",", answer.Columns.Select((name, column) => $"{{{name},{Terms.Erlang(row[column])}}}"))}]");
            output.WriteLine($"[{string.Join(",\n ", rows)}]");
        }
    }

    private sealed class PrettyTableFormatter : Formatter
    {
        private const string Escape = "\u001b";

        protected override void WriteRows(TextWriter output, RowsAnswer answer, bool withHeader)
        {
            if (answer.Rows.Count == 0)
            {
                return;
            }

            string[][] cells = [.. answer.Rows.Select(row => row.Select(Terms.Cell).ToArray())];
            int[] widths = [.. answer.Columns.Select((name, column) => cells.Select(row => row[column].Length).Append(name.Length).Max())];
            Line('l', 'w', 'k');
            Cells(answer.Columns, isHead: true);
            foreach (var row in cells)
            {
                Line('t', 'n', 'u');
                Cells(row, isHead: false);
            }

            Line('m', 'v', 'j');

            // The terminal's own set of lines.
            void Line(char left, char middle, char right) =>
                output.WriteLine($"{Escape}(0{left}{string.Join(middle, widths.Select(width => new string('q', width + 2)))}{right}{Escape}(B");

            void Cells(IReadOnlyList<string> texts, bool isHead)
            {
                var line = new StringBuilder($"{Escape}(0x{Escape}(B");
                for (var column = 0; column < texts.Count; column++)
                {
                    var rest = new string(' ', widths[column] - texts[column].Length);
                    line.Append(' ').Append(isHead ? $"{Escape}[1m{texts[column]}{Escape}[0m" : texts[column]).Append(rest).Append($" {Escape}(0x{Escape}(B");
                }

                output.WriteLine(line);
            }
        }
    }
}
