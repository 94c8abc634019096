using Granary.Core.Logs;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;

namespace Granary.Node;

/// <summary>One line for each event: when, how bad, from where, which event, and what. Lines that no operator can act on are left out. The last ones are kept.</summary>
internal sealed class LineFormatter(LogRing ring) : ConsoleFormatter(FormatterName)
{
    public const string FormatterName = "line";

    public override void Write<TState>(in LogEntry<TState> logEntry, IExternalScopeProvider? scopeProvider, TextWriter textWriter)
    {
        if (LeftOut.Includes(logEntry))
        {
            return;
        }

        var line = LogLine.Of(DateTime.Now, logEntry.LogLevel, logEntry.Category, logEntry.EventId.Id, logEntry.Formatter(logEntry.State, logEntry.Exception), logEntry.Exception);
        ring.Add(line);
        textWriter.Write(line.ToString());
        textWriter.Write('\n');
    }
}
