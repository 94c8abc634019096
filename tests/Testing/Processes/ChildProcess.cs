using System.Diagnostics;
using System.Text;

namespace Granary.Testing.Processes;

/// <summary>A program that a test runs: its output is kept for the failure message, and it is killed with its children at the end.</summary>
public sealed class ChildProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly StringBuilder _output = new();
    private readonly Action<string>? _onLine;
    private readonly Task _pumps;

    private ChildProcess(Process process, Action<string>? onLine)
    {
        _process = process;
        _onLine = onLine;
        _pumps = Task.WhenAll(PumpAsync(process.StandardOutput), PumpAsync(process.StandardError));
    }

    /// <summary>The process id.</summary>
    public int Id => _process.Id;

    /// <summary>Whether the program has ended by itself or was killed.</summary>
    public bool HasExited => _process.HasExited;

    /// <summary>Both output streams so far.</summary>
    public string Output
    {
        get
        {
            lock (_output)
            {
                return _output.ToString();
            }
        }
    }

    /// <summary>Starts a program with nothing on its standard input.</summary>
    /// <param name="onLine">Called for each line of its output, before it is in <see cref="Output"/>.</param>
    public static ChildProcess Start(
        string program,
        IEnumerable<string> arguments,
        IReadOnlyDictionary<string, string>? environment = null,
        string? folder = null,
        Action<string>? onLine = null)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = folder ?? RepositoryPath.Root,
        };
        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
        {
            start.Environment[name] = value;
        }

        var process = Process.Start(start) ?? throw new InvalidOperationException($"{program} did not start.");
        process.StandardInput.Close();
        return new ChildProcess(process, onLine);
    }

    /// <summary>Runs a program to its end and returns its output; throws with the output when it fails or takes longer than <paramref name="limit"/>.</summary>
    public static async Task<string> RunAsync(
        string program,
        IEnumerable<string> arguments,
        TimeSpan limit,
        IReadOnlyDictionary<string, string>? environment = null,
        string? folder = null)
    {
        string[] all = [.. arguments];
        await using var child = Start(program, all, environment, folder);
        var code = await child.WaitForExitAsync(limit).ConfigureAwait(false);
        return code == 0
            ? child.Output
            : throw new InvalidOperationException($"{program} {string.Join(' ', all)} ended with {code}:\n{child.Output}");
    }

    /// <summary>Waits for the end of the program and returns its exit code.</summary>
    /// <exception cref="TimeoutException">It still ran after <paramref name="limit"/>; it was killed.</exception>
    public async Task<int> WaitForExitAsync(TimeSpan limit)
    {
        try
        {
            await _process.WaitForExitAsync().WaitAsync(limit).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            Kill();
            throw new TimeoutException($"{_process.StartInfo.FileName} still ran after {limit}:\n{Output}");
        }

        await _pumps.ConfigureAwait(false);
        return _process.ExitCode;
    }

    /// <summary>Kills the program and what it started, without a chance to clean up.</summary>
    public void Kill()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        Kill();
        await _process.WaitForExitAsync().ConfigureAwait(false);
        _process.Dispose();
    }

    private async Task PumpAsync(StreamReader reader)
    {
        while (await reader.ReadLineAsync().ConfigureAwait(false) is { } line)
        {
            _onLine?.Invoke(line);
            lock (_output)
            {
                _output.AppendLine(line);
            }
        }
    }
}
