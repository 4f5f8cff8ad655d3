// Makes as many calls at once as each line of stdin says, and prints their statuses as a line.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"sync"
)

func main() {
	reader := &TokenReader{
		TokenFile:     os.Getenv("TOKEN_FILE"),
		RejectionsURL: os.Getenv("REJECTIONS_URL"),
		IdentityFile:  os.Getenv("IDENTITY_FILE"),
	}
	build := func() (*http.Request, error) { return http.NewRequest("GET", os.Getenv("API_URL"), nil) }
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		count, _ := strconv.Atoi(lines.Text())
		statuses := make([]int, count)
		var group sync.WaitGroup
		for index := range statuses {
			group.Add(1)
			go func(index int) {
				defer group.Done()
				response, err := reader.Do(http.DefaultClient, build)
				if err != nil {
					fmt.Fprintln(os.Stderr, err)
					return
				}
				response.Body.Close()
				statuses[index] = response.StatusCode
			}(index)
		}
		group.Wait()
		text, _ := json.Marshal(statuses)
		fmt.Println(string(text))
	}
}
