using System.Diagnostics;
using System.Globalization;

namespace Granary.Testing.Processes;

/// <summary>Kills a process and deletes its folder when this process ends without having done so.</summary>
/// <remarks>
/// A runner gives a test process a tenth of a second to exit before it kills it, which a busy machine needs for less than stopping a broker.
/// A shell reads from a pipe that nobody writes to, and finds it closed when this process is gone, however that came.
/// </remarks>
public sealed class LastWill : IDisposable
{
    private readonly Process _shell;

    /// <summary>Stands by from now on.</summary>
    public LastWill(int processId, string folder)
    {
        // The number may be another process's by then; when that began tells them apart.
        const string Script = "began() { cut -d' ' -f22 \"/proc/$1/stat\"; }; own=$(began \"$1\"); read -r _; [ \"$(began \"$1\")\" != \"$own\" ] || kill -9 \"$1\"; rm -rf \"$2\"";
        string[] arguments = ["-c", Script, "sh", processId.ToString(CultureInfo.InvariantCulture), folder];
        var start = new ProcessStartInfo("/bin/sh", arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        _shell = Process.Start(start) ?? throw new InvalidOperationException("No shell was started.");
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _shell.Kill();
        _shell.Dispose();
    }
}
