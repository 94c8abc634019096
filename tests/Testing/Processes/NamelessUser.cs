namespace Granary.Testing.Processes;

/// <summary>A user whom the system knows neither a name nor a home of, and who has no HOME: as whom containers often run (OpenShift). Only root can be him.</summary>
public static class NamelessUser
{
    private const string Id = "1000670000";

    /// <summary>Null: this process may run others as him.</summary>
    public static string? Missing => Environment.IsPrivilegedProcess ? null : "Only root can run a process as another user.";

    /// <summary>The command that runs another one as him.</summary>
    public static string[] Command(params string[] command) => ["setpriv", $"--reuid={Id}", $"--regid={Id}", "--clear-groups", "env", "--unset=HOME", .. command];

    /// <summary>Lets him read and write a folder, and read the files in it.</summary>
    public static void Admit(string folder)
    {
        const UnixFileMode Everybody = UnixFileMode.UserRead | UnixFileMode.GroupRead | UnixFileMode.OtherRead | UnixFileMode.UserWrite | UnixFileMode.GroupWrite | UnixFileMode.OtherWrite;
        const UnixFileMode Enter = UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;
        if (OperatingSystem.IsWindows())
        {
            throw new PlatformNotSupportedException();
        }

        File.SetUnixFileMode(folder, Everybody | Enter);
        foreach (var file in Directory.EnumerateFiles(folder))
        {
            File.SetUnixFileMode(file, Everybody);
        }
    }
}
